import { Socket } from "node:net";
import { expect } from "chai";
import { HANDSHAKE_FAIR_MS, HANDSHAKES_MAX } from "../limits.ts";
import { Strangers } from "./strangers.ts";

/** A crowd that came at once, at time 0. */
function crowd(): { readonly strangers: Strangers; readonly sockets: readonly Socket[] } {
  const strangers = new Strangers();
  const sockets = Array.from({ length: HANDSHAKES_MAX }, () => new Socket());
  for (const [at, socket] of sockets.entries()) {
    expect(strangers.admit(`host:${at}`, socket, 0)).to.equal(undefined);
  }
  return { strangers, sockets };
}

describe("strangers at the door", () => {
  it("are refused when there are too many", () => {
    const { strangers, sockets } = crowd();
    const newest = new Socket();
    expect(strangers.admit("host:x", newest, HANDSHAKE_FAIR_MS - 1)).to.equal("newest");
    expect(newest.destroyed).to.equal(true);
    expect(sockets.some((socket) => socket.destroyed)).to.equal(false);
  });

  it("give way to a new one when they had their time, the oldest first", () => {
    const { strangers, sockets } = crowd();
    const newest = new Socket();
    expect(strangers.admit("host:x", newest, HANDSHAKE_FAIR_MS)).to.equal("oldest");
    expect(sockets.filter((socket) => socket.destroyed)).to.deep.equal([sockets[0]]);
    expect(newest.destroyed).to.equal(false);
  });

  it("make room when they leave, and when they become links, which nothing cuts here", () => {
    const { strangers, sockets } = crowd();
    strangers.settled("host:0");
    expect(strangers.admit("host:x", new Socket(), 1)).to.equal(undefined);
    sockets[1]?.emit("close");
    expect(strangers.admit("host:y", new Socket(), 1)).to.equal(undefined);
    strangers.destroy();
    expect(sockets[0]?.destroyed).to.equal(false);
    expect(sockets[2]?.destroyed).to.equal(true);
  });
});
