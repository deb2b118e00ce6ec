/**
 * What the cluster answers to a question: a decider over the node's serving table.
 *
 * Invariants:
 *   R1. A name means what it means on the networks of who asks: nobody resolves a service that
 *       shares no network with it.
 *   R2. A name that exists without a record of the type asked for is NODATA, one that does not is
 *       NXDOMAIN, both with the zone's SOA: resolvers of musl give up the name at the latter.
 *   R3. Names of the cluster's own zone, names without a dot and addresses of the cluster are
 *       answered here alone, and never forwarded.
 */
import type { NetworkId } from "@skein/common/ids";
import { compareIds } from "@skein/common/ids";
import type { Backend } from "@skein/common/model/routes";
import { DNS_NEGATIVE_TTL_S, DNS_TASKS_TTL_S, DNS_VIP_TTL_S } from "../limits.ts";
import type { Answer, DnsRecord, Question } from "./message.ts";
import { TYPES } from "./message.ts";
import type { NamedService, NameTable } from "./name-table.ts";

/** The cluster's own zone: `api.skein.internal` is `api`. */
export const ZONE = "skein.internal";

export interface Asker {
  /** The networks of the task that asks; undefined: the node itself, which may know every name. */
  readonly networks: readonly NetworkId[] | undefined;
  /** Grows with every question: answers with several addresses begin with another each time. */
  readonly turn: number;
}

/** Undefined: not the cluster's to answer. */
export function resolve(table: NameTable, asker: Asker, question: Question): Answer | undefined {
  const asked = question.name.toLowerCase();
  const reverse = ownReverse(asked);
  if (reverse !== undefined) return pointer(table, asker, { question, address: reverse });
  const inZone = asked === ZONE || asked.endsWith(`.${ZONE}`);
  const name = inZone ? asked.slice(0, Math.max(0, asked.length - ZONE.length - 1)) : asked;
  const found = lookUp(table, asker, name);
  if (found?.kind === "none") return negative("nxdomain");
  if (found !== undefined) return recordsOf(table, asker, { question, found });
  if (asked === ZONE) return negative("noerror");
  const isOurs = inZone || !name.includes(".");
  return isOurs && name !== "" ? negative("nxdomain") : undefined;
}

interface Found {
  /**
   * `service`: by its virtual address if it has one. `tasks`: the tasks themselves. `none`: a slot
   * that is not there, of a service that is.
   */
  readonly kind: "service" | "tasks" | "srv" | "none";
  readonly services: readonly NamedService[];
  readonly slot?: number;
  /** Of an SRV name: a number or a port's name. */
  readonly port?: string;
}

/** `name`, `tasks.name`, `2.name`, `_http._tcp.name`. */
function lookUp(table: NameTable, asker: Asker, name: string): Found | undefined {
  const plain = visible(table, asker, name);
  if (plain.length > 0) return { kind: "service", services: plain };
  const [first = "", second = "", ...rest] = name.split(".");
  const below = visible(table, asker, [second, ...rest].join("."));
  if (below.length > 0 && first === "tasks") return { kind: "tasks", services: below };
  if (below.length > 0 && /^[1-9]\d{0,8}$/.test(first)) {
    const slot = Number(first);
    const has = below.some(({ tasks }) => tasks.some((task) => task.slot === slot));
    return { kind: has ? "tasks" : "none", services: below, slot };
  }
  if (!first.startsWith("_") || second !== "_tcp") return undefined;
  const services = visible(table, asker, rest.join("."));
  const port = first.slice(1);
  return services.length === 0 ? undefined : { kind: "srv", services, port };
}

/** R1: on the asker's networks, in their order; the node itself gets each service once. */
function visible(table: NameTable, { networks }: Asker, name: string): readonly NamedService[] {
  const named = table.services(name);
  const order = networks ?? [...new Set(named.map(({ attachment }) => attachment.networkId))];
  const seen = new Set<string>();
  return order
    .flatMap((id) => named.filter(({ attachment }) => attachment.networkId === id))
    .filter(({ service }) => seen.size < seen.add(service).size);
}

interface Asked {
  readonly question: Question;
  readonly found: Found;
}

function recordsOf(table: NameTable, asker: Asker, { question, found }: Asked): Answer {
  const { type, name } = question;
  if (found.kind === "srv") return services(table, asker, { question, found });
  if (type !== TYPES.A && type !== TYPES.ANY) return negative("noerror");
  const answers = found.services.flatMap((service) => {
    const { vip } = service.attachment;
    if (found.kind === "service" && vip !== undefined && !service.dnsrr) {
      return [record(name, DNS_VIP_TTL_S, table.realise.vip(vip))];
    }
    return tasksOf(service, found.slot).map((task) =>
      record(name, DNS_TASKS_TTL_S, table.realise.task(task, service.attachment.networkId)),
    );
  });
  if (answers.length === 0) return negative("noerror");
  return positive(rotated(answers, asker.turn));
}

function services(table: NameTable, asker: Asker, { question, found }: Asked): Answer {
  if (question.type !== TYPES.SRV && question.type !== TYPES.ANY) return negative("noerror");
  const answers: DnsRecord[] = [];
  const additional: DnsRecord[] = [];
  for (const service of found.services) {
    for (const task of tasksOf(service)) {
      const port = portOf(service, task, found.port ?? "");
      if (port === undefined) continue;
      const target = `${task.slot ?? 0}.${service.service}.${ZONE}`;
      const ttl = DNS_TASKS_TTL_S;
      answers.push({ type: "SRV", name: question.name, ttl, port, target });
      const address = table.realise.task(task, service.attachment.networkId);
      additional.push(record(target, ttl, address));
    }
  }
  if (answers.length === 0) return negative("nxdomain");
  return { ...positive(rotated(answers, asker.turn)), additional };
}

function portOf({ namedPorts }: NamedService, task: Backend, asked: string): number | undefined {
  const named = namedPorts.find(({ name }) => name.toLowerCase() === asked)?.port;
  if (named !== undefined) return named;
  const number = /^[1-9]\d{0,4}$/.test(asked) ? Number(asked) : 0;
  return task.listens?.includes(number) === true ? number : undefined;
}

function pointer(
  table: NameTable,
  { networks }: Asker,
  { question, address }: { readonly question: Question; readonly address: string },
): Answer {
  const owner = table.owner(address);
  if (owner === undefined) return negative("nxdomain");
  if (networks !== undefined && !networks.includes(owner.networkId)) return negative("nxdomain");
  if (question.type !== TYPES.PTR && question.type !== TYPES.ANY) return negative("noerror");
  const slot = owner.slot === undefined ? "" : `${owner.slot}.`;
  const target = `${slot}${owner.service}.${ZONE}`;
  const { name } = question;
  return positive([{ type: "PTR", name, ttl: DNS_TASKS_TTL_S, target }]);
}

/** The address of a reverse name in the cluster's own space, as tasks see it. */
function ownReverse(name: string): string | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (parts === null) return undefined;
  const [d = "", c = "", b = "", a = ""] = parts.slice(1);
  const isOurs = (a === "10" || a === "127") && Number(b) >= 64 && Number(b) <= 127;
  return isOurs ? [a, b, c, d].join(".") : undefined;
}

function tasksOf(service: NamedService, slot?: number): readonly Backend[] {
  return service.tasks
    .filter((task) => slot === undefined || task.slot === slot)
    .toSorted((x, y) => (x.slot ?? 0) - (y.slot ?? 0) || compareIds(x.taskId, y.taskId));
}

function record(name: string, ttl: number, address: string): DnsRecord {
  return { type: "A", name, ttl, address };
}

function rotated<Item>(items: readonly Item[], turn: number): readonly Item[] {
  const start = items.length === 0 ? 0 : turn % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function positive(answers: readonly DnsRecord[]): Answer {
  return { rcode: "noerror", authoritative: true, answers, authority: [], additional: [] };
}

/** R2. */
function negative(rcode: "noerror" | "nxdomain"): Answer {
  const minimum = DNS_NEGATIVE_TTL_S;
  const soa: DnsRecord = { type: "SOA", name: ZONE, ttl: minimum, minimum };
  return { rcode, authoritative: true, answers: [], authority: [soa], additional: [] };
}
