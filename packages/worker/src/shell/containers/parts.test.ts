import { PassThrough } from "node:stream";
import { expect } from "chai";
import { DetachScanner, parseDetachKeys } from "./detach-keys.ts";
import { readExecSpec, sizeOf } from "./exec-spec.ts";
import { parsePs } from "./observe.ts";
import { takeBytes } from "./take-bytes.ts";

describe("detach-keys", () => {
  it("reads Docker's names of keys", () => {
    expect(parseDetachKeys("")).to.deep.equal([16, 17]);
    expect(parseDetachKeys("a,ctrl-@,ctrl-[")).to.deep.equal([97, 0, 27]);
    expect(parseDetachKeys("ctrl-")).to.equal(undefined);
    expect(parseDetachKeys("shift-x")).to.equal(undefined);
  });

  it("passes on what only began like the sequence, over chunks too", () => {
    const scanner = new DetachScanner([16, 17]);
    expect(scanner.take(Buffer.from([97, 16])).pass).to.deep.equal(Buffer.from([97]));
    const broken = scanner.take(Buffer.from([98, 16, 16, 99]));
    expect(broken.pass).to.deep.equal(Buffer.from([16, 98, 16, 16, 99]));
    scanner.take(Buffer.from([16]));
    expect(scanner.take(Buffer.from([17, 97]))).to.deep.equal({
      pass: Buffer.alloc(0),
      detached: true,
    });
  });
});

describe("take-bytes", () => {
  it("leaves what follows in the stream, however the bytes arrive", async () => {
    const stream = new PassThrough();
    stream.write("he");
    const taken = takeBytes(stream, 5);
    stream.write("llo w");
    stream.end("orld");
    expect(String(await taken)).to.equal("hello");
    let rest = "";
    for await (const chunk of stream) rest += String(chunk);
    expect(rest).to.equal(" world");
  });

  it("gives nothing when the stream ends before", async () => {
    const stream = new PassThrough();
    stream.end("he");
    expect(await takeBytes(stream, 5)).to.equal(undefined);
  });
});

describe("exec-spec", () => {
  const read = (body: unknown) => {
    const spec = readExecSpec(Buffer.from(JSON.stringify(body)));
    return spec.ok ? spec.value : spec.error.message;
  };

  it("takes keys in any case, and null for nothing", () => {
    expect(read({ cmd: ["ls"], ENV: null, attachStdout: true })).to.deep.include({
      command: ["ls"],
      env: [],
      stdout: true,
      stdin: false,
    });
  });

  const refused = [
    { body: {}, message: "No exec command specified" },
    { body: [], message: "the request body must be a JSON object" },
    {
      body: { Cmd: ["a\0b"] },
      message: "invalid exec configuration: Cmd and Env must be lists of strings",
    },
  ];
  for (const { body, message } of refused) {
    it(`refuses ${JSON.stringify(body)}`, () => expect(read(body)).to.equal(message));
  }

  it("takes a size only if a terminal can have it", () => {
    expect(sizeOf(24, 80)).to.deep.equal({ rows: 24, columns: 80 });
    for (const [rows, columns] of [
      [0, 80],
      [1.5, 80],
      [24, 70_000],
      [Number.NaN, 1],
    ] as const) {
      expect(sizeOf(rows, columns)).to.equal(undefined);
    }
  });
});

describe("top", () => {
  it("keeps the task's lines, and the spaces of the last column", () => {
    const text = "UID  PID CMD\nroot  1 init\nroot 42 node a  b\n";
    const table = parsePs(text, new Set(["42"]));
    expect(table.ok && table.value).to.deep.equal({
      Titles: ["UID", "PID", "CMD"],
      Processes: [["root", "42", "node a b"]],
    });
  });

  it("needs the column with the process id", () => {
    const table = parsePs("CMD\ninit\n", new Set());
    expect(table.ok ? "" : table.error.message).to.equal("Couldn't find PID field in ps output");
  });
});
