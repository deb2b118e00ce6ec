import { instant } from "@skein/common/time";
import { expect } from "chai";
import { LISTEN_RETRY_MS } from "../limits.ts";
import type { PortEffect } from "./published-ports.ts";
import { PublishedPorts } from "./published-ports.ts";

const T0 = instant(0);
const IN_USE = "listen EADDRINUSE: address already in use 127.0.0.1:8080";

describe("published ports", () => {
  it("opens what is published, tells when it is served, closes the rest", () => {
    const ports = new PublishedPorts();
    expect(told(ports.reconcile([80, 8080]))).to.deep.equal(["open-port 80", "open-port 8080"]);
    expect(told(ports.opened(80))).to.deep.equal(["listening 80"]);
    expect(told(ports.reconcile([8080]))).to.deep.equal(["close-port 80", "unlistened 80"]);
    expect(told(ports.reconcile([]))).to.deep.equal(["close-port 8080"]);
  });

  it("decides nothing when nothing changed", () => {
    const ports = new PublishedPorts();
    ports.reconcile([80]);
    expect(ports.reconcile([80])).to.deep.equal([]);
  });

  it("retries a failed port every 2 s and tells the reason once", () => {
    const ports = new PublishedPorts();
    ports.reconcile([8080]);
    expect(told(ports.failed(T0, 8080, IN_USE))).to.deep.equal([`listen-failed 8080 ${IN_USE}`]);
    expect(ports.wakeAt()).to.equal(LISTEN_RETRY_MS);
    expect(ports.wake(instant(LISTEN_RETRY_MS - 1))).to.deep.equal([]);
    expect(told(ports.wake(instant(LISTEN_RETRY_MS)))).to.deep.equal(["open-port 8080"]);
    expect(ports.failed(instant(LISTEN_RETRY_MS), 8080, IN_USE)).to.deep.equal([]);
    expect(told(ports.wake(instant(2 * LISTEN_RETRY_MS)))).to.deep.equal(["open-port 8080"]);
    expect(told(ports.opened(8080))).to.deep.equal(["listening 8080"]);
    expect(ports.wakeAt()).to.equal(undefined);
  });

  it("tells another reason, and the same one again after the port was served", () => {
    const ports = new PublishedPorts();
    ports.reconcile([80]);
    ports.failed(T0, 80, "listen EACCES: permission denied");
    ports.wake(instant(LISTEN_RETRY_MS));
    expect(told(ports.failed(T0, 80, IN_USE))).to.deep.equal([`listen-failed 80 ${IN_USE}`]);
    ports.wake(instant(LISTEN_RETRY_MS));
    ports.opened(80);
    const broke = told(ports.failed(T0, 80, IN_USE));
    expect(broke).to.deep.equal(["unlistened 80", `listen-failed 80 ${IN_USE}`]);
  });

  it("does not close what never opened, and forgets its retry", () => {
    const ports = new PublishedPorts();
    ports.reconcile([80]);
    ports.failed(T0, 80, IN_USE);
    expect(ports.reconcile([])).to.deep.equal([]);
    expect(ports.wakeAt()).to.equal(undefined);
  });

  it("adopts a handed socket of a published port, drops another, closes it with the port", () => {
    const ports = new PublishedPorts();
    expect(told(ports.handed(80, 17))).to.deep.equal(["drop-socket 17"]);
    ports.reconcile([80]);
    expect(told(ports.handed(80, 17))).to.deep.equal(["adopt-socket 80 17"]);
    expect(told(ports.handed(80, 18))).to.deep.equal(["close-handed 80", "adopt-socket 80 18"]);
    ports.failed(T0, 80, IN_USE);
    expect(told(ports.reconcile([]))).to.deep.equal(["close-handed 80"]);
  });

  it("ignores news of a port that is not asked for", () => {
    const ports = new PublishedPorts();
    expect(ports.opened(80)).to.deep.equal([]);
    expect(ports.failed(T0, 80, IN_USE)).to.deep.equal([]);
  });
});

function told(effects: readonly PortEffect[]): readonly string[] {
  return effects.map((effect) => {
    if (effect.kind !== "post") return [effect.kind, ...Object.values(effect).slice(1)].join(" ");
    return Object.values(effect.message).join(" ");
  });
}
