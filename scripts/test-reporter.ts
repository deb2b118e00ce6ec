/**
 * Mocha's dots, and the outcome as JSON in the file that SKEIN_TEST_OUTCOME names: what
 * `scripts/test.ts` counts, tells again at its end, and runs again.
 */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

const SLOWEST_KEPT = 5;

export interface FailedTest {
  readonly title: string;
  readonly file: string;
  readonly message: string;
}

export interface MochaOutcome {
  readonly passed: number;
  readonly pending: number;
  readonly failures: readonly FailedTest[];
  readonly slowest: readonly { readonly title: string; readonly ms: number }[];
}

class OutcomeReporter extends Mocha.reporters.Dot {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    let passed = 0;
    let pending = 0;
    const failures: FailedTest[] = [];
    const times: { title: string; ms: number }[] = [];
    runner.on("pass", (test) => {
      passed += 1;
      times.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
    });
    runner.on("pending", () => {
      pending += 1;
    });
    // A hook that fails comes here too, under the hook's title, with the file of its tests.
    runner.on("fail", (test, error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      failures.push({ title: test.fullTitle(), file: test.file ?? "", message });
    });
    runner.once("end", () => {
      const slowest = times.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST_KEPT);
      const file = process.env["SKEIN_TEST_OUTCOME"];
      const outcome: MochaOutcome = { passed, pending, failures, slowest };
      if (file !== undefined) writeFileSync(file, JSON.stringify(outcome));
    });
  }
}

// Mocha takes a reporter from a module's default or only export.
export { OutcomeReporter as default };
