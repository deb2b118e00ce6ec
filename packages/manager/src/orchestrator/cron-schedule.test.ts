import { expect } from "chai";
import fc from "fast-check";
import type { CronSchedule } from "./cron-schedule.ts";
import { lastUntil, nextAfter, parseCron } from "./cron-schedule.ts";

function schedule(text: string): CronSchedule {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** The next times after a moment, as people write them. */
function next(text: string, from: string, count = 1): readonly string[] {
  const times: string[] = [];
  let at = Date.parse(from);
  for (let index = 0; index < count; index += 1) {
    at = nextAfter(schedule(text), at) ?? Number.NaN;
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

describe("cron schedules", () => {
  const rows = [
    ["*/15 * * * *", "2026-11-22T10:07:00Z", "2026-11-22T10:15"],
    ["0 3 * * *", "2026-11-22T03:00:00Z", "2026-11-23T03:00"],
    ["30 4 1,15 * *", "2026-11-22T00:00:00Z", "2026-12-01T04:30"],
    ["0 0 * * mon-fri", "2026-11-20T12:00:00Z", "2026-11-23T00:00"],
    ["0 0 29 feb *", "2026-11-22T00:00:00Z", "2028-02-29T00:00"],
    ["0 0 13 * 5", "2026-11-22T00:00:00Z", "2026-11-27T00:00"],
    ["@yearly", "2026-11-22T00:00:00Z", "2027-01-01T00:00"],
    ["0 22 * * 7", "2026-11-22T10:00:00Z", "2026-11-22T22:00"],
    ["5/20 * * * *", "2026-11-22T10:26:00Z", "2026-11-22T10:45"],
  ] as const;
  for (const [text, from, expected] of rows) {
    it(`"${text}" after ${from} is ${expected}`, () => {
      expect(next(text, from)).to.deep.equal([expected]);
    });
  }

  for (const text of ["", "* * * *", "60 * * * *", "* 5-3 * * *", "* * 0 * *", "*/0 * * * *"]) {
    it(`refuses "${text}"`, () => {
      expect(parseCron(text).ok).to.equal(false);
    });
  }

  it("refuses a day that never comes", () => {
    const parsed = parseCron("0 0 31 2 *");
    expect(!parsed.ok && parsed.error).to.include("never comes");
  });

  it("agrees with the calendar, and looks back to where it looked forward", () => {
    const minute = fc.integer({ min: 0, max: 40_000_000 });
    fc.assert(
      fc.property(
        minute,
        fc.nat(59),
        fc.nat(23),
        fc.integer({ min: 1, max: 28 }),
        (at, m, h, d) => {
          const wall = at * 60_000;
          const found = nextAfter(schedule(`${m} ${h} ${d} * *`), wall) ?? 0;
          const date = new Date(found);
          expect(found).to.be.greaterThan(wall);
          expect([date.getUTCMinutes(), date.getUTCHours(), date.getUTCDate()]).to.deep.equal([
            m,
            h,
            d,
          ]);
          expect(lastUntil(schedule(`${m} ${h} ${d} * *`), found)).to.equal(found);
        },
      ),
      { numRuns: 300 },
    );
  });
});
