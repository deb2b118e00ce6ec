/**
 * Five managers, real processes: killed, frozen and cut off at random while clients read and write
 * through the API of each, and what they were told must be linearizable. `SKEIN_CHAOS_SEED` chooses
 * another course, `SKEIN_CHAOS_SECONDS` a longer one, which is added to docs/sim-runs.jsonl.
 */
import { at, numberAt } from "@skein/cli/api/read";
import { expect } from "chai";
import { figure, useCluster } from "../failures/support/suite.ts";
import { checkLinearizable } from "../linearizability/explain.ts";
import { SimRandom } from "../sim/sim-random.ts";
import { appendRun } from "../support/run-record.ts";
import { timeUntil } from "../support/wait.ts";
import { ApiClients } from "./api-clients.ts";
import { Turmoil } from "./turmoil.ts";

const MANAGERS = 5;
const CLIENTS = 5;
const SEED = Number(process.env["SKEIN_CHAOS_SEED"] ?? 1);
const ASKED_SECONDS = process.env["SKEIN_CHAOS_SECONDS"];
const SECONDS = Number(ASKED_SECONDS ?? 12);
/** In ten minutes everything happens. */
const SECONDS_FOR_COUNTS = 600;
const WHOLE_AGAIN_MS = 60_000;

describe("chaos", function chaos() {
  this.timeout(SECONDS * 1000 + 240_000);
  const cluster = useCluster(MANAGERS, 0);

  it(`seed ${SEED}, ${SECONDS} s: what clients are told is linearizable`, async () => {
    console.log(
      `      again: SKEIN_CHAOS_SEED=${SEED} SKEIN_CHAOS_SECONDS=${SECONDS} ` +
        `npm run test:full -- chaos`,
    );
    const since = performance.now();
    const random = new SimRandom(SEED);
    const turmoil = new Turmoil(cluster(), random.fork("turmoil"));
    const clients = new ApiClients(cluster(), random.fork("clients"), CLIENTS);
    let failure: unknown;
    try {
      while (performance.now() - since < SECONDS * 1000) await turmoil.next();
      await timeUntil(WHOLE_AGAIN_MS, "every manager hears a leader of five", isWhole);
      await clients.stop();
      checkLinearizable(clients.histories());
    } catch (error) {
      failure = error;
      console.log(turmoil.course.join("\n"));
    }
    const counts = { ...turmoil.counts, ...clients.counts };
    figure(`chaos, seed ${SEED}`, JSON.stringify(counts));
    if (ASKED_SECONDS !== undefined) record(clients.operations, counts, failure, since);
    if (failure !== undefined) throw failure;
    expect(clients.counts.acknowledged, "writes acknowledged").to.be.above(SECONDS);
    if (SECONDS < SECONDS_FOR_COUNTS) return;
    for (const [kind, count] of Object.entries(counts)) expect(count, kind).to.be.above(0);
  });

  async function isWhole(): Promise<boolean> {
    const all = await Promise.all(
      cluster()
        .managers()
        .map((node) => cluster().ask("GET /skein/v1/status", { node })),
    );
    const amiss = all.filter(({ body }) => {
      return at(body, "leader") === null || numberAt(body, "quorum", "voters") !== MANAGERS;
    });
    if (amiss.length > 0) throw new Error(JSON.stringify(amiss.map(({ body }) => body)));
    return true;
  }
});

function record(
  operations: number,
  counts: Readonly<Record<string, number>>,
  failure: unknown,
  since: number,
): void {
  const seconds = Math.round((performance.now() - since) / 1000);
  const result = failure === undefined ? "ok" : "failed";
  const failed = failure === undefined ? {} : { failed: [SEED] };
  appendRun({
    kind: "chaos",
    start: SEED,
    seeds: 1,
    result,
    ...failed,
    operations,
    counts,
    seconds,
  });
}
