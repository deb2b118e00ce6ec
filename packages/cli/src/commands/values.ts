/** Values of flags: what cannot be meant is refused with an example of what can. */
import { InvalidArgumentError } from "commander";

export function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError("it must be a whole number.");
  return Number(value);
}

/** "10s", "1m30s", "500ms" to milliseconds. */
export function duration(value: string): number {
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== value) {
    throw new InvalidArgumentError("it must be a duration such as 10s, 1m30s or 500ms.");
  }
  const unit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const sum = parts.reduce((all, part) => all + Number(part[1]) * (unit[part[2] ?? ""] ?? 0), 0);
  return Math.round(sum);
}

/** "512m", "1.5g", "1024" to bytes. */
export function byteSize(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(value);
  if (match === null) throw new InvalidArgumentError("it must be a size such as 512m or 2g.");
  const power = " kmgt".indexOf((match[2] ?? "").toLowerCase() || " ");
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** "0.5" CPUs to Docker's billionths of one. */
export function cpus(value: string): number {
  if (!/^\d+(\.\d{1,9})?$/.test(value)) {
    throw new InvalidArgumentError("it must be a number of CPUs such as 0.5.");
  }
  return Math.round(Number(value) * 1e9);
}

export function ratio(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("it must be between 0 and 1.");
}

/** A flag that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

export interface Publish {
  readonly PublishedPort?: number;
  readonly TargetPort: number;
  readonly Protocol: string;
  readonly PublishMode: string;
}

/** "8080:3000", "3000", "published=8080,target=3000,protocol=tcp". */
export function publish(value: string, previous: readonly Publish[] = []): readonly Publish[] {
  return [...previous, value.includes("=") ? longPublish(value) : shortPublish(value)];
}

function shortPublish(value: string): Publish {
  const match = /^(?:(\d+):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (match === null) throw new InvalidArgumentError('it must be like "8080:3000" or "3000".');
  const [, published, target = "", protocol = "tcp"] = match;
  const base = { TargetPort: port(target), Protocol: protocol, PublishMode: "ingress" };
  return published === undefined ? base : { ...base, PublishedPort: port(published) };
}

const LONG_KEYS = ["target", "published", "protocol", "mode"];

function longPublish(value: string): Publish {
  const parts = new Map(
    value.split(",").map((part) => {
      const at = part.indexOf("=");
      return at < 0 ? ([part, ""] as const) : ([part.slice(0, at), part.slice(at + 1)] as const);
    }),
  );
  const unknown = [...parts.keys()].find((key) => !LONG_KEYS.includes(key));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`it has no key ${unknown} (there are ${LONG_KEYS.join(", ")}).`);
  }
  const target = parts.get("target");
  if (target === undefined) throw new InvalidArgumentError("it needs target=<port>.");
  const published = parts.get("published");
  const base = {
    TargetPort: port(target),
    Protocol: parts.get("protocol") ?? "tcp",
    PublishMode: parts.get("mode") ?? "ingress",
  };
  return published === undefined ? base : { ...base, PublishedPort: port(published) };
}

export function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new InvalidArgumentError(`${text} is not a port (1 to 65535).`);
}

/** "key=value" or "key". */
export function keyAndValue(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** A moment: "5m" is that long ago; else a time. Milliseconds since 1970. */
export function moment(text: string): number {
  if (/^\d+(\.\d+)?(ms|s|m|h)/.test(text)) return Math.floor(Date.now() - duration(text));
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new InvalidArgumentError("it must be like 5m, or 2026-01-31T12:00:00Z.");
}
