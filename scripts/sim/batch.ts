/** Many seeds of one kind, by several processes: what failed, what happened in all, the record. */
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SeedReport } from "../../test/sim/report.ts";
import { describeCounts, sumOf, zeros } from "../../test/sim/report.ts";
import { appendRun } from "../../test/support/run-record.ts";
import type { Kind } from "./kinds.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

type Report = Omit<SeedReport, "trace">;

export interface BatchOptions {
  readonly kind: Kind;
  readonly start: number;
  readonly seeds: number;
}

/** So many seeds draw every kind of fault. */
const SEEDS_FOR_COUNTS = 24;
const PROGRESS_EVERY = 100;
const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

export class Batch {
  readonly #options: BatchOptions;
  readonly #since = Date.now();
  readonly #reports: Report[] = [];
  readonly #failed: number[] = [];
  #next: number;
  #stopped = false;
  /** A worker ended before its work did. */
  #lost = false;
  #working = 0;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#next = options.start;
  }

  /** Interrupted, it ends with the seeds that are under way, and records what ran. */
  run(jobs: number): void {
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, () => {
        this.#stopped = true;
      });
    }
    for (let job = 0; job < jobs; job += 1) this.#startWorker();
  }

  #startWorker(): void {
    this.#working += 1;
    // A group of its own: an interrupt in the terminal is for this process.
    const options = { detached: true, execArgv: ["--import", "tsx"] };
    const worker = fork(WORKER, [this.#options.kind], options);
    worker.on("message", (message) => {
      // The cast: worker.ts sends nothing else.
      this.#take(message as FromWorker);
      this.#give(worker);
    });
    worker.on("exit", (code) => {
      if (code !== 0) this.#lost = true;
      this.#working -= 1;
      if (this.#working === 0) this.#end();
    });
    this.#give(worker);
  }

  #give(worker: ChildProcess): void {
    const { start, seeds } = this.#options;
    if (this.#stopped || this.#next >= start + seeds) {
      worker.disconnect();
      return;
    }
    const order: ToWorker = { seed: this.#next };
    this.#next += 1;
    worker.send(order);
  }

  #take(message: FromWorker): void {
    if (message.kind === "ok") this.#reports.push(message.report);
    else {
      const { seed, error } = message;
      this.#failed.push(seed);
      console.log(`seed ${seed}: ${error}\nagain: ${again(this.#options.kind, seed)}`);
    }
    if (this.#ran % PROGRESS_EVERY === 0) {
      console.log(`${this.#ran} seeds, ${this.#failed.length} failed`);
    }
  }

  get #ran(): number {
    return this.#reports.length + this.#failed.length;
  }

  #end(): void {
    const { kind, start } = this.#options;
    const failed = this.#failed.toSorted((a, b) => a - b);
    const counts = sumOf(this.#reports);
    const missing = this.#ran < SEEDS_FOR_COUNTS ? [] : zeros(counts);
    const range = `${start} to ${start + this.#ran - 1}`;
    console.log(`${kind}: seeds ${range}: ${describeReports(this.#reports)}`);
    if (failed.length > 0) console.log(`failed: ${failed.join(" ")}`);
    if (missing.length > 0) console.log(`never happened: ${missing.join(", ")}`);
    if (this.#lost) console.log("a process ended in the middle of its work");
    const isOk = failed.length === 0 && missing.length === 0 && !this.#lost;
    appendRun({
      kind,
      start,
      seeds: this.#ran,
      result: isOk ? "ok" : "failed",
      ...(failed.length > 0 && { failed }),
      operations: total(this.#reports, ({ operations }) => operations),
      counts,
      seconds: Math.round((Date.now() - this.#since) / 1000),
      virtualHours: Math.round(total(this.#reports, (one) => one.virtualMs) / 36_000) / 100,
    });
    process.exitCode = isOk ? 0 : 1;
  }
}

export function again(kind: Kind, seed: number): string {
  return `npm run sim -- --kind ${kind} --seed ${seed}`;
}

export function describeReports(reports: readonly Report[]): string {
  const seconds = Math.round(total(reports, ({ virtualMs }) => virtualMs) / 1000);
  const events = total(reports, (report) => report.events);
  const operations = total(reports, (report) => report.operations);
  const head = `${seconds} virtual seconds, ${events} events, ${operations} operations`;
  return `${head}; ${describeCounts(sumOf(reports))}`;
}

function total(reports: readonly Report[], of: (report: Report) => number): number {
  return reports.reduce((sum, report) => sum + of(report), 0);
}
