/**
 * Every decoder that faces the network, fed with frames that are nearly right: each is taken or
 * refused, quickly, and nothing else happens. A longer run: `SKEIN_FUZZ_SECONDS=600 npm test --
 * fuzz`; another course: `SKEIN_FUZZ_SEED=7`.
 */
import { expect } from "chai";
import * as v from "valibot";
import { frame, rng } from "./fuzzer.ts";
import type { Target } from "./targets.ts";
import { message, TARGETS } from "./targets.ts";

const SEED = Number(process.env["SKEIN_FUZZ_SEED"] ?? 20_261_123);
const SECONDS = Number(process.env["SKEIN_FUZZ_SECONDS"] ?? 0);
/** Frames of each target in a short run. */
const FRAMES = 500;
/** A frame that keeps a decoder busy for longer is a finding; the machine may be slow, too. */
const SLOW_MS = 2000;
const MEMORY_BYTES_MAX = 300 * 1024 * 1024;

interface Course {
  readonly frames: number;
  readonly taken: number;
  /** What went wrong first: with the frame that did it. */
  readonly finding?: string;
}

function run(target: Target, until: { readonly frames: number; readonly ms: number }): Course {
  const random = rng(SEED ^ nameHash(target.name));
  const seeds = target.seeds(random);
  const began = performance.now();
  let taken = 0;
  for (let count = 0; ; count += 1) {
    const bytes = seeds[count] ?? frame(random, seeds);
    const since = performance.now();
    try {
      if (target.read(bytes)) taken += 1;
    } catch (error) {
      return { frames: count, taken, finding: shown(bytes, String(error)) };
    }
    const tookMs = performance.now() - since;
    if (tookMs > SLOW_MS) return { frames: count, taken, finding: shown(bytes, `${tookMs} ms`) };
    // The right ones come first: a target that refuses them is not tested at all.
    if (count === seeds.length - 1 && taken <= seeds.length / 2) {
      return { frames: count, taken, finding: `takes ${taken} of ${seeds.length} right frames` };
    }
    if (count >= until.frames && performance.now() - began >= until.ms) {
      return { frames: count, taken };
    }
  }
}

function nameHash(text: string): number {
  return [...text].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7);
}

function shown(bytes: Uint8Array, what: string): string {
  return `${what}: ${Buffer.from(bytes).toString("hex")}`;
}

describe(`decoders that face the network (SKEIN_FUZZ_SEED=${SEED})`, function () {
  const ms = (SECONDS * 1000) / TARGETS.length;
  this.timeout(60_000 + 2 * ms);
  const keys = Object.getOwnPropertyNames(Object.prototype).length;

  for (const target of TARGETS) {
    it(`${target.name}: takes or refuses, and does nothing else`, () => {
      const before = process.memoryUsage().rss;
      const { finding } = run(target, { frames: FRAMES, ms });
      expect(finding).to.equal(undefined);
      expect(process.memoryUsage().rss - before, "bytes").to.be.below(MEMORY_BYTES_MAX);
      expect(Object.getOwnPropertyNames(Object.prototype)).to.have.length(keys);
    });
  }

  it("finds a canary: a decoder that believes a length it was told", () => {
    const right = Buffer.from("0568656c6c6f", "hex");
    const canary: Target = {
      name: "canary",
      seeds: () => [right],
      read: (bytes) => {
        const text = new Uint8Array(bytes[0] ?? 0);
        text.set(bytes.subarray(1)); // Throws when more follows than was announced.
        return true;
      },
    };
    expect(run(canary, { frames: FRAMES, ms: 0 }).finding).to.match(/RangeError/);
  });

  it("finds a canary: a decoder whose word is another the second time", () => {
    const term = v.pipe(v.string(), v.transform(Number));
    const canary = message("canary", v.object({ term }));
    expect(run(canary, { frames: FRAMES, ms: 0 }).finding).to.match(/not taken again/);
  });
});
