import { expect } from "chai";
import * as fc from "fast-check";
import { STREAM_CHUNK_BYTES_MAX, STREAM_FRAME_COST_BYTES, STREAM_WINDOW_BYTES } from "../limits.ts";
import type { FlowEffect } from "./stream-flow.ts";
import { StreamFlow } from "./stream-flow.ts";

const CHUNK = new Uint8Array(STREAM_CHUNK_BYTES_MAX - STREAM_FRAME_COST_BYTES);

describe("stream flow", () => {
  it("stops reading when the window is used up and goes on when the other side confirms", () => {
    const flow = new StreamFlow();
    const chunks = STREAM_WINDOW_BYTES / STREAM_CHUNK_BYTES_MAX;
    for (let i = 1; i < chunks; i += 1)
      expect(kinds(flow.read(CHUNK))).to.deep.equal(["send data"]);
    expect(kinds(flow.read(CHUNK))).to.deep.equal(["send data", "pause"]);
    expect(kinds(flow.received({ kind: "window", bytes: 1 }))).to.deep.equal(["resume"]);
    expect(kinds(flow.read(CHUNK))).to.deep.equal(["send data", "pause"]);
    expect(kinds(flow.received({ kind: "window", bytes: 1 }))).to.deep.equal([]);
  });

  it("splits what is longer than a chunk", () => {
    const effects = new StreamFlow().read(new Uint8Array(2 * STREAM_CHUNK_BYTES_MAX + 1));
    expect(kinds(effects)).to.deep.equal(["send data", "send data", "send data"]);
  });

  it("confirms what the socket took, in quarters of a window", () => {
    const flow = new StreamFlow();
    const quarter = STREAM_WINDOW_BYTES / 4;
    flow.received({ kind: "data", payload: CHUNK });
    flow.received({ kind: "data", payload: CHUNK });
    expect(flow.flushed(CHUNK.length)).to.deep.equal([]);
    const frame = { kind: "window", bytes: quarter };
    expect(flow.flushed(CHUNK.length)).to.deep.equal([{ kind: "send", frame }]);
  });

  it("ends each half by itself and finishes after both", () => {
    for (const order of ["ours first", "theirs first"]) {
      const flow = new StreamFlow();
      const ours = (): readonly string[] => kinds(flow.ended());
      const theirs = (): readonly string[] => kinds(flow.received({ kind: "end" }));
      const [first, second] = order === "ours first" ? [ours, theirs] : [theirs, ours];
      expect([...first(), ...second()].sort(), order).to.deep.equal([
        "end-socket",
        "finish",
        "send end",
      ]);
      expect(flow.linkClosed("done"), order).to.deep.equal([]);
      expect(flow.broken("late"), order).to.deep.equal([]);
    }
  });

  const breaks: readonly {
    readonly name: string;
    readonly by: (flow: StreamFlow) => readonly FlowEffect[];
    readonly told: readonly string[];
  }[] = [
    { name: "our socket broke", by: (flow) => flow.broken("x"), told: ["send reset", "break"] },
    {
      name: "their socket broke",
      by: (flow) => flow.received({ kind: "reset" }),
      told: ["break"],
    },
    { name: "the link was lost", by: (flow) => flow.linkClosed("x"), told: ["break"] },
    {
      name: "a second answer",
      by: (flow) => flow.received({ kind: "accepted" }),
      told: ["send reset", "break"],
    },
    {
      name: "credit for what was not sent",
      by: (flow) => flow.received({ kind: "window", bytes: 1 }),
      told: ["send reset", "break"],
    },
    {
      name: "bytes after the end",
      by: (flow) => {
        flow.received({ kind: "end" });
        return flow.received({ kind: "data", payload: CHUNK });
      },
      told: ["send reset", "break"],
    },
  ];
  for (const { name, by, told } of breaks) {
    it(`breaks the socket, once: ${name}`, () => {
      const flow = new StreamFlow();
      expect(kinds(by(flow))).to.deep.equal(told);
      expect(flow.linkClosed("later")).to.deep.equal([]);
      expect(flow.read(CHUNK)).to.deep.equal([]);
    });
  }

  it("counts a frame of one byte as what it costs to keep", () => {
    const flow = new StreamFlow();
    let frames = 0;
    const one = Uint8Array.of(1);
    while (kinds(flow.received({ kind: "data", payload: one })).includes("write")) frames += 1;
    expect(frames).to.be.below(3000);
  });

  it("does not take more than the window from a peer that ignores it", () => {
    const flow = new StreamFlow();
    let taken = 0;
    while (kinds(flow.received({ kind: "data", payload: CHUNK })).includes("write")) {
      taken += CHUNK.length;
    }
    expect(taken).to.be.within(STREAM_WINDOW_BYTES, STREAM_WINDOW_BYTES + 2 * CHUNK.length);
  });

  it("carries everything in order between two of them, whatever the sizes and delays", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), (all, turns) => {
        const total = all.reduce((sum, size) => sum + size, 0);
        expect(transfer(all, turns)).to.deep.equal({ total, finished: true });
      }),
    );
  });
});

/**
 * Sends chunks of these sizes; `turns` says whether the sender's or the receiver's side moves next.
 */
function transfer(
  sizes: readonly number[],
  turns: readonly boolean[],
): { readonly total: number; readonly finished: boolean } {
  const [sender, receiver] = [new StreamFlow(), new StreamFlow()];
  const [left, toReceiver, toSender, unflushed]: [number[], FlowEffect[], FlowEffect[], number[]] =
    [[...sizes], [], [], []];
  const ends = new Set<string>();
  let [paused, ended, total] = [false, false, 0];
  function sending(effects: readonly FlowEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") toReceiver.push(effect);
      if (effect.kind === "pause" || effect.kind === "resume") paused = effect.kind === "pause";
      if (effect.kind === "finish") ends.add("sender");
      expect(effect.kind).to.not.equal("break");
    }
  }
  function receiving(effects: readonly FlowEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "send") toSender.push(effect);
      if (effect.kind === "write") unflushed.push(effect.payload.length);
      if (effect.kind === "end-socket") receiving(receiver.ended());
      if (effect.kind === "finish") ends.add("receiver");
      expect(effect.kind).to.not.equal("break");
    }
  }
  function sendersTurn(): void {
    const size = paused ? undefined : left.shift();
    if (size !== undefined) sending(sender.read(new Uint8Array(size)));
    else if (!paused && !ended) {
      ended = true;
      sending(sender.ended());
    }
    const effect = toSender.shift();
    if (effect?.kind === "send") sending(sender.received(effect.frame));
  }
  function receiversTurn(): void {
    const effect = toReceiver.shift();
    if (effect?.kind === "send") receiving(receiver.received(effect.frame));
    const bytes = unflushed.shift();
    if (bytes === undefined) return;
    total += bytes;
    receiving(receiver.flushed(bytes));
  }
  for (let i = 0; i < 2000 && (ends.size < 2 || unflushed.length > 0); i += 1) {
    if (turns[i % turns.length]) sendersTurn();
    else receiversTurn();
    if (i % 7 === 0) sendersTurn();
    if (i % 5 === 0) receiversTurn();
  }
  return { total, finished: ends.size === 2 };
}

function kinds(effects: readonly FlowEffect[]): readonly string[] {
  return effects.map((effect) =>
    effect.kind === "send" ? `send ${effect.frame.kind}` : effect.kind,
  );
}
