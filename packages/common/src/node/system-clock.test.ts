import { connect, createServer } from "node:net";
import { expect } from "chai";
import { createMetrics } from "./metrics.ts";
import { systemClock, watchLoopLag } from "./system-clock.ts";

function stall(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

describe("systemClock", () => {
  it("gives whole milliseconds that never go back", () => {
    const clock = systemClock();
    let last = clock.now();
    for (let turn = 0; turn < 10_000; turn += 1) {
      const now = clock.now();
      expect(now >= last && Number.isInteger(now)).to.equal(true);
      last = now;
    }
  });

  it("never calls before the delay has passed, also when armed late in a busy turn", async () => {
    const clock = systemClock();
    stall(15);
    const delays = [0, 1, 2, 3, 7, 12, 20];
    const early = await Promise.all(
      delays.map((delay) => {
        const due = clock.now() + delay;
        return new Promise<number>((resolve) => {
          clock.after(delay, () => resolve(due - clock.now()));
        });
      }),
    );
    expect(Math.max(...early)).to.be.at.most(0);
  });

  it("reads the sockets before a timer that a stall made late", async () => {
    const order: string[] = [];
    const server = createServer((socket) => socket.on("data", () => order.push("data")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const client = connect(port, "127.0.0.1");
    await new Promise<void>((resolve) => client.once("connect", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => {
      systemClock().after(5, () => {
        order.push("timer");
        resolve();
      });
      client.write("heartbeat");
      stall(60);
    });
    client.destroy();
    server.close();
    expect(order).to.deep.equal(["data", "timer"]);
  });

  it("does not call a cancelled timer, not even a late one that waits for the poll", async () => {
    const clock = systemClock();
    let called = false;
    const timer = clock.after(1, () => {
      called = true;
    });
    // Due in the same turn: it runs after the clock's own handler has put its call off.
    const cancelled = new Promise<void>((resolve) => {
      setTimeout(() => {
        timer.cancel();
        resolve();
      }, 1);
    });
    stall(40);
    await cancelled;
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(called).to.equal(false);
  });
});

describe("watchLoopLag", () => {
  it("sees a stall", async () => {
    const metrics = createMetrics();
    const lag = watchLoopLag(metrics);
    stall(160);
    await new Promise((resolve) => setTimeout(resolve, 1));
    lag.close();
    expect(lag.recentMs()).to.be.within(50, 1000);
    expect(metrics.text()).to.contain("skein_loop_lag_seconds_count 1");
  });
});
