import { expect } from "chai";
import {
  covers,
  elsewhereText,
  endsListening,
  parseListenSockets,
  processOf,
  socketInode,
  taskProcesses,
} from "./listeners.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout ino";

describe("listening sockets in /proc", () => {
  it("reads addresses, ports and inodes, and listening sockets only", () => {
    const table = [
      HEAD,
      row("0500417F:0BB8", "0A", 91),
      row("00000000:1F40", "0A", 92),
      row("0100007F:0016", "01", 93),
      "rubbish",
      "",
    ].join("\n");
    expect(parseListenSockets(table)).to.deep.equal([
      { address: "127.65.0.5", port: 3000, inode: 91, waiting: 0 },
      { address: "0.0.0.0", port: 8000, inode: 92, waiting: 0 },
    ]);
  });

  const six: readonly (readonly [string, string])[] = [
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000001000000", "::1"],
    ["0000000000000000FFFF00000500417F", "127.65.0.5"],
    ["B80D0120000000000000000001000000", "2001:db8::1"],
    ["000080FE00000000FF005450B6AD1DFE", "fe80::5054:ff:fe1d:adb6"],
    ["B80D012001000200000001000A000000", "2001:db8:2:1:1::a"],
  ];
  for (const [hex, text] of six) {
    it(`reads ${text}`, () => {
      expect(parseListenSockets(row(`${hex}:0BB8`, "0A", 1))[0]?.address).to.equal(text);
    });
  }

  it("passes over lines it does not understand", () => {
    for (const local of ["0500417F", "0500417:0BB8", "xyz:0BB8", "0500417F:BB8", ":"]) {
      expect(parseListenSockets(row(local, "0A", 1)), local).to.deep.equal([]);
    }
  });

  it("sees where the listening sockets end", () => {
    const listening = `${HEAD}\n${row("0500417F:0BB8", "0A", 91)}\n`;
    expect(endsListening(listening)).to.equal(false);
    expect(endsListening(`${HEAD}\n`)).to.equal(false);
    expect(endsListening(`${listening}${row("0100007F:0016", "06", 0)}\n   3: 0100`)).to.equal(
      true,
    );
    expect(endsListening(`${listening}${row("0100007F:0016", "06", 0)}`)).to.equal(false);
  });

  it("reads an fd link and a stat line", () => {
    expect(socketInode("socket:[12345]")).to.equal(12345);
    expect(socketInode("pipe:[12345]")).to.equal(undefined);
    const stat = "42 (my (odd) name) S 7 41 41 0 -1 4194560";
    expect(processOf(stat)).to.deep.equal({ pid: 42, parent: 7, group: 41 });
    expect(processOf("")).to.equal(undefined);
    expect(processOf("42 (x")).to.equal(undefined);
  });

  it("takes the group and all that descend from it, in whatever order they are listed", () => {
    const all = [
      { pid: 9, parent: 8, group: 9 },
      { pid: 8, parent: 5, group: 8 },
      { pid: 5, parent: 1, group: 5 },
      { pid: 6, parent: 1, group: 5 },
      { pid: 7, parent: 1, group: 7 },
    ];
    expect(taskProcesses(all, 5)).to.deep.equal([5, 6, 8, 9]);
    expect(taskProcesses(all, 77)).to.deep.equal([]);
  });

  it("knows which sockets a connection to the task's address would reach", () => {
    const at = (address: string, port: number) =>
      covers({ address, port, inode: 1, waiting: 0 }, "127.65.0.5", 3000);
    expect(at("127.65.0.5", 3000)).to.equal(true);
    expect(at("0.0.0.0", 3000)).to.equal(true);
    expect(at("::", 3000)).to.equal(true);
    expect(at("127.0.0.1", 3000)).to.equal(false);
    expect(at("0.0.0.0", 3001)).to.equal(false);
  });

  it("names at most three sockets, once each, lowest port first", () => {
    const sockets = [9229, 8000, 8000, 9000, 9100].map((port) => ({
      address: port === 8000 ? "::" : "127.0.0.1",
      port,
      inode: port,
      waiting: 0,
    }));
    expect(elsewhereText("web.1", { address: "127.65.0.5", port: 3000 }, sockets)).to.equal(
      "web.1 listens on [::]:8000 and 127.0.0.1:9000 and 127.0.0.1:9100, " +
        "not on 127.65.0.5:3000: use $HOST and $PORT",
    );
  });
});

function row(local: string, state: string, inode: number): string {
  const remote = local.length > 20 ? `${"0".repeat(32)}:0000` : "00000000:0000";
  const queues = "00000000:00000000 00:00000000 00000000     0        0";
  return `   0: ${local} ${remote} ${state} ${queues} ${inode} 1 0000000000000000 100 0 0 10 0`;
}
