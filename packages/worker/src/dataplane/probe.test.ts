import { taskId } from "@skein/common/ids";
import { instant } from "@skein/common/time";
import { expect } from "chai";
import type { Found } from "./listeners.ts";
import type { ProbeEffect, ProbeOutcome } from "./probe.ts";
import { Prober } from "./probe.ts";
import type { LocalTask } from "./protocol.ts";

const WEB = taskId("web1");
const OWN = { address: "127.65.0.5", port: 3000, inode: 1, waiting: 0 };

describe("prober", () => {
  it("takes a task without target ports at its word", () => {
    const probes = new Probes();
    expect(probes.put({ targetPorts: [] })).to.deep.equal(["in-rotation"]);
    expect(probes.prober.wakeAt()).to.equal(undefined);
  });

  it("probes every 50 ms until the port accepted and is the task's, then every second", () => {
    const probes = new Probes();
    expect(probes.put()).to.deep.equal(["probe 3000"]);
    expect(probes.result("refused")).to.deep.equal([]);
    expect(probes.until(50)).to.deep.equal(["50: probe 3000"]);
    expect(probes.result("accepted")).to.deep.equal(["inspect 3000"]);
    expect(probes.found([OWN])).to.deep.equal(["in-rotation"]);
    expect(probes.until(550)).to.deep.equal(["550: probe 3000"]);
    probes.result("accepted");
    expect(probes.until(1549)).to.deep.equal([]);
    expect(probes.until(1550)).to.deep.equal(["1550: probe 3000"]);
  });

  it("waits for every target port", () => {
    const probes = new Probes();
    expect(probes.put({ targetPorts: [3000, 3001] })).to.deep.equal(["probe 3000", "probe 3001"]);
    expect(probes.result("accepted", 3000)).to.deep.equal([]);
    expect(probes.result("accepted", 3001)).to.deep.equal(["inspect 3000,3001"]);
    const both = [OWN, { ...OWN, port: 3001 }];
    expect(probes.found(both)).to.deep.equal(["in-rotation"]);
  });

  const outs: readonly {
    readonly name: string;
    readonly outcomes: readonly ProbeOutcome[];
    readonly out: string | undefined;
  }[] = [
    { name: "one refusal is a hiccup", outcomes: ["refused", "accepted"], out: undefined },
    {
      name: "two refusals are proof",
      outcomes: ["refused", "refused"],
      out: "out-of-rotation 127.65.0.5:3000 refuses connections",
    },
    {
      name: "refusals must follow each other",
      outcomes: ["refused", "accepted", "refused", "accepted"],
      out: undefined,
    },
    { name: "four silences are load", outcomes: Array(4).fill("silent"), out: undefined },
    {
      name: "five silences are not",
      outcomes: Array(5).fill("silent"),
      out: "out-of-rotation 127.65.0.5:3000 does not answer",
    },
  ];
  for (const { name, outcomes, out } of outs) {
    it(name, () => {
      const probes = inRotation();
      const told = outcomes.flatMap((outcome) => {
        probes.advance();
        return probes.result(outcome);
      });
      expect(told).to.deep.equal(out === undefined ? [] : [out]);
    });
  }

  it("confirms a first refusal after 100 ms, and takes the task back when it accepts", () => {
    const probes = inRotation();
    const at = probes.advance();
    probes.result("refused");
    expect(probes.advance()).to.equal(at + 100);
    expect(probes.result("refused")).to.have.lengthOf(1);
    expect(probes.advance()).to.equal(at + 200);
    expect(probes.result("refused")).to.deep.equal([]);
    probes.advance();
    expect(probes.result("accepted")).to.deep.equal(["in-rotation"]);
  });

  it("probes at once a task that a client could not reach, once per answer", () => {
    const probes = inRotation();
    expect(probes.text(probes.prober.suspect(probes.now, WEB))).to.deep.equal(["probe 3000"]);
    expect(probes.prober.suspect(probes.now, WEB)).to.deep.equal([]);
    probes.result("refused");
    expect(probes.prober.suspect(probes.now, WEB)).to.deep.equal([]);
  });

  it("leaves a draining task alone", () => {
    const probes = inRotation();
    probes.put({ draining: true });
    expect(probes.prober.wakeAt()).to.equal(undefined);
    expect(probes.prober.get(WEB)?.draining).to.equal(true);
  });

  it("forgets a task that is gone", () => {
    const probes = new Probes();
    probes.put();
    probes.prober.remove(WEB);
    expect(probes.result("accepted")).to.deep.equal([]);
    expect(probes.prober.wakeAt()).to.equal(undefined);
  });
});

describe("prober: where a late task listens", () => {
  it("names after 2 s what it listens on instead, once", () => {
    const probes = new Probes();
    probes.put();
    const elsewhere = [{ address: "0.0.0.0", port: 8000, inode: 2, waiting: 0 }];
    expect(probes.refuseUntil(1999)).to.deep.equal([]);
    expect(probes.refuseUntil(2000)).to.deep.equal(["2000: inspect 3000"]);
    expect(probes.found(elsewhere)).to.deep.equal([
      "warning web.1 listens on 0.0.0.0:8000, not on 127.65.0.5:3000: use $HOST and $PORT",
    ]);
    expect(probes.refuseUntil(5000)).to.deep.equal(["5000: inspect 3000"]);
    expect(probes.found(elsewhere)).to.deep.equal([]);
    expect(probes.refuseUntil(10_000)).to.deep.equal(["10000: inspect 3000"]);
  });

  it("says after 5 s that it listens nowhere", () => {
    const probes = new Probes();
    probes.put();
    probes.refuseUntil(2000);
    expect(probes.found([])).to.deep.equal([]);
    probes.refuseUntil(5000);
    expect(probes.found([])).to.deep.equal([
      "warning web.1 does not listen on 127.65.0.5:3000 yet",
    ]);
  });

  it("says nothing where it cannot look, or where the task is only slow to accept", () => {
    for (const found of [undefined, [OWN], [{ ...OWN, address: "0.0.0.0" }]] as Found[]) {
      const probes = new Probes();
      probes.put();
      probes.refuseUntil(2000);
      expect(probes.found(found)).to.deep.equal([]);
    }
  });

  it("does not believe another program that accepts at the task's address", () => {
    const probes = new Probes();
    probes.put();
    expect(probes.result("accepted")).to.deep.equal(["inspect 3000"]);
    const [warning] = probes.found([]);
    expect(warning).to.match(/^warning 127.65.0.5:3000 is answered by a process that is not web.1/);
    expect(probes.until(500)).to.deep.equal(["500: probe 3000"]);
    expect(probes.result("accepted")).to.deep.equal(["inspect 3000"]);
    expect(probes.found([OWN])).to.deep.equal(["in-rotation"]);
  });

  it("takes out a program that takes no connection at four looks, until it does (P5)", () => {
    const probes = inRotation();
    const told: string[] = [];
    for (let waiting = 1; waiting <= 4; waiting += 1) {
      probes.advance();
      told.push(...probes.result("accepted", 3000, waiting));
    }
    expect(told).to.deep.equal([
      "out-of-rotation 4 connections wait at 127.65.0.5:3000 and none is taken",
    ]);
    // From here on it is only looked at.
    expect(probes.until(probes.now + 1000)).to.have.lengthOf(1);
    expect(probes.connected).to.equal(false);
    expect(probes.result("accepted", 3000, 4)).to.deep.equal([]);
    probes.advance();
    expect(probes.result("accepted", 3000, 0)).to.deep.equal(["in-rotation"]);
  });

  it("leaves a program in rotation that is behind, but takes connections", () => {
    const probes = inRotation();
    for (const waiting of [5, 9, 3, 7, 12, 12, 14, 2]) {
      probes.advance();
      expect(probes.result("accepted", 3000, waiting), `${waiting}`).to.deep.equal([]);
    }
  });

  it("trusts an acceptance where it cannot look", () => {
    const probes = new Probes();
    probes.put();
    probes.result("accepted");
    expect(probes.found(undefined)).to.deep.equal(["in-rotation"]);
  });

  it("looks again when a look from before the acceptance comes in", () => {
    const probes = new Probes();
    probes.put();
    probes.refuseUntil(2000);
    probes.advance();
    expect(probes.result("accepted")).to.deep.equal([]);
    expect(probes.found([])).to.deep.equal(["inspect 3000"]);
    expect(probes.found([OWN])).to.deep.equal(["in-rotation"]);
  });
});

/** A prober with its clock. */
class Probes {
  readonly prober = new Prober();
  /** Whether the last probe was to connect. */
  connected = true;
  now = instant(0);

  put(change: Partial<LocalTask> = {}): readonly string[] {
    const task: LocalTask = {
      taskId: WEB,
      name: "web.1",
      hostAddress: "127.65.0.5",
      targetPorts: [3000],
      pid: 42,
      draining: false,
      ...change,
    };
    return this.text(this.prober.put(this.now, task));
  }

  result(outcome: ProbeOutcome, port = 3000, waiting = 0): readonly string[] {
    return this.text(this.prober.probed(this.now, { taskId: WEB, port, outcome, waiting }));
  }

  found(found: Found): readonly string[] {
    return this.text(this.prober.inspected(this.now, WEB, found));
  }

  /** Goes to the next wake-up. */
  advance(): number {
    this.now = this.prober.wakeAt() ?? this.now;
    this.prober.wake(this.now);
    return this.now;
  }

  /** What wake-ups bring until `time`; nothing is answered. */
  until(time: number): readonly string[] {
    const told: string[] = [];
    for (let at = this.prober.wakeAt(); at !== undefined && at <= time; at = this.prober.wakeAt()) {
      this.now = at;
      told.push(...this.text(this.prober.wake(at)).map((text) => `${at}: ${text}`));
    }
    this.now = instant(time);
    return told;
  }

  /** As `until`, while every probe is refused and not told. */
  refuseUntil(time: number): readonly string[] {
    const told: string[] = [];
    this.result("refused");
    for (let at = this.prober.wakeAt(); at !== undefined && at <= time; at = this.prober.wakeAt()) {
      this.now = at;
      for (const text of this.text(this.prober.wake(at))) {
        if (text.startsWith("probe")) this.result("refused");
        else told.push(`${at}: ${text}`);
      }
    }
    this.now = instant(time);
    return told;
  }

  text(effects: readonly ProbeEffect[]): readonly string[] {
    return effects.map((effect) => {
      if (effect.kind === "probe") {
        this.connected = effect.connect;
        return `probe ${effect.port}`;
      }
      if (effect.kind === "inspect") return `inspect ${effect.ports.join(",")}`;
      const { kind, taskId: _, ...rest } = { taskId: WEB, ...effect.message };
      return [kind, ...Object.values(rest)].join(" ");
    });
  }
}

function inRotation(): Probes {
  const probes = new Probes();
  probes.put();
  probes.result("accepted");
  expect(probes.found([OWN])).to.deep.equal(["in-rotation"]);
  probes.advance();
  probes.result("accepted");
  return probes;
}
