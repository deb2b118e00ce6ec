/** Durations as Docker says them: "3 minutes", "About an hour". */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A unit is used until there are more than two of it of the next one, as Docker does. */
const UNITS = [
  { above: 2 * 365 * DAY, size: 365 * DAY, name: "years" },
  { above: 2 * 30 * DAY, size: 30 * DAY, name: "months" },
  { above: 2 * 7 * DAY, size: 7 * DAY, name: "weeks" },
  { above: 2 * DAY, size: DAY, name: "days" },
] as const;

export function humanDuration(milliseconds: number): string {
  if (milliseconds < SECOND) return "Less than a second";
  if (milliseconds < 2 * SECOND) return "1 second";
  if (milliseconds < MINUTE) return `${Math.floor(milliseconds / SECOND)} seconds`;
  if (milliseconds < 2 * MINUTE) return "About a minute";
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} minutes`;
  const hours = Math.round(milliseconds / HOUR);
  if (hours === 1) return "About an hour";
  const unit = UNITS.find(({ above }) => milliseconds >= above);
  if (unit === undefined) return `${hours} hours`;
  return `${Math.floor(milliseconds / unit.size)} ${unit.name}`;
}
