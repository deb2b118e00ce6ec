import { readdirSync, readFileSync } from "node:fs";
import { logIndex } from "@skein/common/ids";
import { expect } from "chai";
import { HANDLERS } from "./apply/handlers.ts";
import { decodeEnvelope } from "./envelope.ts";
import { storeFaults } from "./invariants.ts";
import { createStore } from "./store.ts";

interface Recorded {
  readonly entries: readonly { index: number; data: string; answer: string }[];
  readonly digests: readonly { index: number; digest: string }[];
  readonly snapshot: string;
}

const FOLDER = new URL("../../../../test/fixtures/store/", import.meta.url);

function read(name: string): Recorded {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Recorded;
}

/** One for each set of command kinds that came together; none is ever written again. */
const NAMES = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));

for (const name of NAMES) {
  describe(`the recorded ${name}`, () => {
    const { entries, digests, snapshot } = read(name);

    it("replays to the recorded answers and digests", () => {
      const store = createStore();
      const seen = [];
      for (const { index, data, answer } of entries) {
        const result = store.applyEntry(logIndex(index), Buffer.from(data, "base64"));
        const said = result.ok
          ? `accepted, ${result.value.skipped.length} skipped`
          : result.error.code;
        expect(said, `entry ${index}`).to.equal(answer);
        if (digests.some((one) => one.index === index))
          seen.push({ index, digest: store.digest() });
      }
      expect(seen).to.deep.equal(digests);
      expect(storeFaults(store.view)).to.deep.equal([]);
    });

    it("has a snapshot that restores to the last digest", () => {
      const store = createStore();
      const last = digests.at(-1);
      const index = logIndex(entries.at(-1)?.index ?? 0);
      expect(store.restore(index, Buffer.from(snapshot, "base64")).ok).to.equal(true);
      expect(store.digest()).to.equal(last?.digest);
    });
  });
}

describe("the recorded logs", () => {
  it("hold a command of every kind that had an effect", () => {
    const entries = NAMES.flatMap((name) => read(name).entries);
    const kinds = entries.flatMap(({ data, answer }) => {
      const envelope = decodeEnvelope(Buffer.from(data, "base64"));
      return envelope.ok && answer.startsWith("accepted, 0") ? [envelope.value.command.kind] : [];
    });
    expect([...new Set(kinds)].toSorted()).to.deep.equal(Object.keys(HANDLERS).toSorted());
  });
});
