/**
 * Times and durations of the Engine API: RFC 3339 in UTC, nanoseconds as integers. Calendar
 * arithmetic is done here, since core code names no `Date`.
 */

const MS_PER_DAY = 86_400_000;
const NS_PER_MS = 1_000_000;

/** Wall milliseconds -> "2026-11-22T18:27:03.616Z", zeros at the end of the fraction left out. */
export function formatWall(milliseconds: number): string {
  const fraction = String(((milliseconds % 1000) + 1000) % 1000).padStart(3, "0");
  return seconds(Math.floor(milliseconds / 1000), fraction.replace(/0+$/, ""));
}

/** Wall nanoseconds as decimal text -> always nine digits, as in log lines. */
export function formatNanos(nanoseconds: string): string {
  const digits = /^\d{1,24}$/.test(nanoseconds) ? nanoseconds.padStart(10, "0") : "0000000000";
  return seconds(Number(digits.slice(0, -9)), digits.slice(-9));
}

/** Go's zero time: what dockerd writes where it has none. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/**
 * A point in time of a query, "1795372039" or "1795372039.120000000" (Unix seconds), in wall
 * milliseconds; undefined when it is not one. Clients turn "5m" into this themselves.
 */
export function parseUnixSeconds(text: string): number | undefined {
  const match = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) return undefined;
  const fraction = Number((match[2] ?? "0").padEnd(9, "0").slice(0, 3));
  return Number(match[1]) * 1000 + fraction;
}

/** Nanoseconds of the API -> whole milliseconds, never rounded down to "none". */
export function toMilliseconds(nanoseconds: number): number {
  return Math.ceil(nanoseconds / NS_PER_MS);
}

export function toNanoseconds(milliseconds: number): number {
  return milliseconds * NS_PER_MS;
}

function seconds(unixSeconds: number, fraction: string): string {
  const days = Math.floor((unixSeconds * 1000) / MS_PER_DAY);
  const second = unixSeconds - days * 86_400;
  const { year, month, day } = civil(days);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  const time = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  return `${date}T${time.map(two).join(":")}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/**
 * Days since 1970 -> proleptic Gregorian date (Hinnant, "chrono-compatible low-level date
 * algorithms").
 */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - (365 * yearOfEra + leapDays);
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}
