/**
 * Cron's five fields (minute hour day-of-month month day-of-week, POSIX crontab(5)), in UTC: a
 * schedule that means the same on every manager needs a clock that never skips or repeats an hour.
 * Lists, ranges, steps, names of months and days, and `@hourly` and its like are there. As in
 * cron, a day matches when either of two restricted day fields does.
 *
 * Calendar arithmetic is Howard Hinnant's `civil_from_days`: integers only, no clock, no zone.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { CRON_SEARCH_DAYS_MAX } from "../limits.ts";

export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0: Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Both day fields are restricted: one of them is enough. */
  readonly eitherDay: boolean;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const WEEKDAYS = "sun mon tue wed thu fri sat".split(" ");
const NAMED: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

interface Field {
  readonly what: string;
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
  /** Number of the first name. */
  readonly first: number;
}

const MINUTE: Field = { what: "minute", from: 0, to: 59, names: [], first: 0 };
const HOUR: Field = { what: "hour", from: 0, to: 23, names: [], first: 0 };
const DAY: Field = { what: "day of month", from: 1, to: 31, names: [], first: 0 };
const MONTH: Field = { what: "month", from: 1, to: 12, names: MONTHS, first: 1 };
/** 7 is Sunday, too. */
const WEEKDAY: Field = { what: "day of week", from: 0, to: 7, names: WEEKDAYS, first: 0 };

/** The error completes "…: invalid schedule". */
export function parseCron(text: string): Result<CronSchedule, string> {
  const words = (NAMED[text.trim()] ?? text).trim().split(/\s+/);
  const [minute = "", hour = "", day = "", month = "", weekday = "", ...more] = words;
  if (weekday === "" || more.length > 0) {
    return fail(`"${text}" does not have five fields (minute hour day month weekday)`);
  }
  const minutes = parseField(minute, MINUTE);
  if (!minutes.ok) return minutes;
  const hours = parseField(hour, HOUR);
  if (!hours.ok) return hours;
  const days = parseField(day, DAY);
  if (!days.ok) return days;
  const months = parseField(month, MONTH);
  if (!months.ok) return months;
  const weekdays = parseField(weekday, WEEKDAY);
  if (!weekdays.ok) return weekdays;
  const schedule = {
    minutes: minutes.value,
    hours: hours.value,
    days: days.value,
    months: months.value,
    weekdays: new Set([...weekdays.value].map((one) => one % 7)),
    eitherDay: !day.startsWith("*") && !weekday.startsWith("*"),
  };
  if (nextAfter(schedule, 0) === undefined) return fail(`"${text}" names a day that never comes`);
  return ok(schedule);
}

/** The first time of the schedule after `wall`; undefined when there is none for years. */
export function nextAfter(schedule: CronSchedule, wall: number): number | undefined {
  return search(schedule, (Math.floor(wall / MINUTE_MS) + 1) * MINUTE_MS, 1);
}

/** The last time of the schedule at or before `wall`. */
export function lastUntil(schedule: CronSchedule, wall: number): number | undefined {
  return search(schedule, Math.floor(wall / MINUTE_MS) * MINUTE_MS, -1);
}

/** Day by day, then the minutes of the day that matches. */
function search(schedule: CronSchedule, from: number, step: 1 | -1): number | undefined {
  let day = Math.floor(from / DAY_MS);
  for (let tries = 0; tries < CRON_SEARCH_DAYS_MAX; tries += 1, day += step) {
    if (day < 0) return undefined;
    if (!matchesDay(schedule, day)) continue;
    const times = [...schedule.hours].flatMap((hour) =>
      [...schedule.minutes].map((minute) => day * DAY_MS + (hour * 60 + minute) * MINUTE_MS),
    );
    const fitting = times.filter((time) => (step > 0 ? time >= from : time <= from));
    if (fitting.length === 0) continue;
    return step > 0 ? Math.min(...fitting) : Math.max(...fitting);
  }
  return undefined;
}

function matchesDay(schedule: CronSchedule, dayNumber: number): boolean {
  const { month, day } = civil(dayNumber);
  if (!schedule.months.has(month)) return false;
  // 1 January 1970 was a Thursday.
  const byWeekday = schedule.weekdays.has((dayNumber + 4) % 7);
  const byDay = schedule.days.has(day);
  return schedule.eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

/** Days since 1970 -> month and day of the Gregorian calendar; years begin in March inside. */
function civil(days: number): { readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const dayOfEra = shifted % 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const before = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - before;
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return { month: monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9, day };
}

function parseField(text: string, field: Field): Result<ReadonlySet<number>, string> {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const range = parsePart(part, field);
    if (range === undefined) return fail(`"${text}" is no ${field.what}`);
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  return ok(values);
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** "*", "5", "1-5", each with "/step"; a single start with a step runs to the end. */
function parsePart(part: string, field: Field): Range | undefined {
  const [span = "", stepText, ...more] = part.split("/");
  const step = stepText === undefined ? 1 : number(stepText);
  if (more.length > 0 || step === undefined || step < 1) return undefined;
  if (span === "*") return { from: field.from, to: field.to, step };
  const [start = "", end, ...rest] = span.split("-");
  const from = value(start, field);
  const open = stepText === undefined ? from : field.to;
  const to = end === undefined ? open : value(end, field);
  if (rest.length > 0 || from === undefined || to === undefined || from > to) return undefined;
  return { from, to, step };
}

function value(text: string, field: Field): number | undefined {
  const named = field.names.indexOf(text.toLowerCase());
  const found = named >= 0 ? named + field.first : number(text);
  if (found === undefined || found < field.from || found > field.to) return undefined;
  return found;
}

function number(text: string): number | undefined {
  return /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}
