/**
 * Clients of a real cluster, through the Engine API of any manager: configs are registers. Each
 * write carries an Idempotency-Key; who does not know how it ended asks again with it through
 * another manager, and gives up after a while. What they were answered, and when, is the history.
 *
 * A write that every manager asked has refused ("no leader", an address that nobody listens at) had
 * no effect, they say: it is left out of the history, where a value of it has no explanation.
 */
import { listAt, numberAt, textAt } from "@skein/cli/api/read";
import type { Operation } from "../linearizability/checker.ts";
import type { ConfigAction, Reading, WriteAnswer } from "../linearizability/model.ts";
import type { SimRandom } from "../sim/sim-random.ts";
import type { Answer } from "../support/api-client.ts";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause } from "../support/wait.ts";

const OPERATIONS_PER_NAME_MAX = 60;
const UNKNOWN_PER_NAME_MAX = 6;
const NAMES_IN_USE = 2;
const ATTEMPTS_MAX = 4;
/** Past the five seconds after which a manager tells that it does not know. */
const PATIENCE_MS = 7000;

interface Register {
  readonly name: string;
  readonly operations: Operation<ConfigAction>[];
  believed: Reading | undefined;
  begun: number;
  unknown: number;
}

type Write =
  | { readonly kind: "create"; readonly value: string }
  | { readonly kind: "update"; readonly from: Reading; readonly value: string }
  | { readonly kind: "remove"; readonly id: string };

export interface ApiCounts {
  reads: number;
  acknowledged: number;
  refused: number;
  failed: number;
  unknown: number;
  repeated: number;
}

export class ApiClients {
  readonly counts: ApiCounts = {
    reads: 0,
    acknowledged: 0,
    refused: 0,
    failed: 0,
    unknown: 0,
    repeated: 0,
  };
  readonly #cluster: LocalCluster;
  /** As they were made: a test that asks for them again and again reads a file again and again. */
  readonly #managers: readonly LocalNode[];
  readonly #random: SimRandom;
  readonly #registers: Register[] = [];
  readonly #working: readonly Promise<void>[];
  #stopped = false;
  #requests = 0;

  constructor(cluster: LocalCluster, random: SimRandom, count: number) {
    this.#cluster = cluster;
    this.#managers = cluster.managers();
    this.#random = random;
    this.#working = Array.from({ length: count }, (_, at) => this.#work(`client-${at + 1}`));
  }

  get operations(): number {
    const { repeated: _, ...ends } = this.counts;
    return Object.values(ends).reduce((sum, count) => sum + count, 0);
  }

  /** Ends the work; every name is read once more at every manager, all names at a time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#working);
    for (const node of this.#managers) await this.#readAll(node);
  }

  histories(): readonly {
    readonly name: string;
    readonly operations: readonly Operation<ConfigAction>[];
  }[] {
    return this.#registers.map(({ name, operations }) => ({ name, operations: named(operations) }));
  }

  async #work(client: string): Promise<void> {
    while (!this.#stopped) {
      await pause(this.#random.between(20, 250));
      const register = this.#pick();
      register.begun += 1;
      const write = this.#choose(register);
      if (write === undefined) await this.#read(client, register, this.#any());
      else await this.#write(client, register, write);
    }
  }

  #choose(register: Register): Write | undefined {
    const { believed } = register;
    const draw = this.#random.below(100);
    this.#requests += 1;
    const value = `v${this.#requests}`;
    if (draw < 40) return undefined;
    if (believed === undefined) return { kind: "create", value };
    if (draw < 85) return { kind: "update", from: believed, value };
    if (draw < 92) return { kind: "remove", id: believed.id };
    return { kind: "create", value };
  }

  async #readAll(node: LocalNode): Promise<void> {
    const calledAt = performance.now();
    const answer = await this.#cluster.ask("GET /configs", { node, timeoutMs: 4 * PATIENCE_MS });
    if (answer.status !== 200) throw new Error(`${node.name} says ${String(answer.message)}`);
    const returnedAt = performance.now();
    const found = new Map(
      listAt({ body: answer.body }, "body").map((one) => [textAt(one, "Spec", "Name"), one]),
    );
    for (const { name, operations } of this.#registers) {
      const config = found.get(name);
      const reading = config === undefined ? undefined : readingOf(config);
      const action = { kind: "read", found: reading } as const;
      operations.push({ client: `reader at ${node.name}`, calledAt, returnedAt, action });
    }
  }

  async #read(client: string, register: Register, node: LocalNode): Promise<void> {
    const calledAt = performance.now();
    const filters = JSON.stringify({ name: [register.name] });
    const answer = await this.#ask("GET /configs", node, { query: { filters } });
    if (typeof answer === "string" || answer.status !== 200) return;
    const found = listAt({ body: answer.body }, "body").find(
      (config) => textAt(config, "Spec", "Name") === register.name,
    );
    const reading = found === undefined ? undefined : readingOf(found);
    register.believed = reading;
    this.counts.reads += 1;
    const action = { kind: "read", found: reading } as const;
    register.operations.push({ client, calledAt, returnedAt: performance.now(), action });
  }

  async #write(client: string, register: Register, write: Write): Promise<void> {
    const calledAt = performance.now();
    const key = `${register.name}-${client}-${this.#requests}`;
    const asked = requestOf(register.name, write);
    let isUnknown = false;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      if (attempt > 1) this.counts.repeated += 1;
      const headers = { "Idempotency-Key": key };
      const answer = await this.#ask(asked.what, this.#any(), { ...asked.options, headers });
      const said = answerOf(answer);
      if (said !== "lost" && said !== "unknown") {
        this.counts[said === "done" ? "acknowledged" : "refused"] += 1;
        const id = typeof answer === "string" ? "" : textAt(answer.body, "ID");
        const returnedAt = performance.now();
        const action = actionOf(write, said, id);
        register.operations.push({ client, calledAt, returnedAt, action });
        return;
      }
      if (said === "unknown") isUnknown = true;
      if (this.#random.once(4)) break;
      await pause(this.#random.between(5, 200));
    }
    this.counts[isUnknown ? "unknown" : "failed"] += 1;
    if (!isUnknown) return;
    register.unknown += 1;
    const action = actionOf(write, "unknown", "");
    const returnedAt = Number.POSITIVE_INFINITY;
    register.operations.push({ client, calledAt, returnedAt, action });
  }

  /** The error's text when there was no answer. */
  #ask(
    what: string,
    node: LocalNode,
    options: Parameters<LocalCluster["ask"]>[1],
  ): Promise<Answer | string> {
    // Some hang up long before a manager would give up.
    const timeoutMs = this.#random.once(4) ? this.#random.between(30, 1500) : PATIENCE_MS;
    return this.#cluster
      .ask(what, { ...options, node, timeoutMs })
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  }

  #any(): LocalNode {
    const [node] = this.#managers.slice(this.#random.below(this.#managers.length));
    if (node === undefined) throw new Error("there is no manager");
    return node;
  }

  #pick(): Register {
    const open = this.#registers.filter(
      ({ begun, unknown }) => begun < OPERATIONS_PER_NAME_MAX && unknown < UNKNOWN_PER_NAME_MAX,
    );
    const [register] = open.slice(this.#random.below(NAMES_IN_USE));
    if (register !== undefined) return register;
    const name = `register-${this.#registers.length + 1}`;
    const added = { name, operations: [], believed: undefined, begun: 0, unknown: 0 };
    this.#registers.push(added);
    return added;
  }
}

function requestOf(name: string, write: Write) {
  const body = (value: string) => ({ Name: name, Labels: { value }, Data: "AQ==" });
  switch (write.kind) {
    case "create":
      return { what: "POST /configs/create", options: { body: body(write.value) } };
    case "update": {
      const { id, version } = write.from;
      const query = { version: `${version}` };
      return { what: `POST /configs/${id}/update`, options: { body: body(write.value), query } };
    }
    default:
      return { what: `DELETE /configs/${write.id}`, options: {} };
  }
}

/** `lost`: this attempt had no effect, says whoever was asked; nobody was reached at all. */
function answerOf(answer: Answer | string): WriteAnswer | "lost" {
  if (typeof answer === "string") {
    return /ECONNREFUSED|ENOENT/.test(answer) ? "lost" : "unknown";
  }
  const { status } = answer;
  const message = String(answer.message);
  if (status < 300) return "done";
  if (status === 404) return "not-found";
  if (status === 409) return "name-taken";
  if (/update out of sequence/.test(message)) return "version-conflict";
  if (/outcome unknown/.test(message)) return "unknown";
  if (/does not have a leader|ResourceExhausted/.test(message)) return "lost";
  throw new Error(`a client was answered ${status}: ${message}`);
}

function actionOf(
  write: Write,
  answer: WriteAnswer,
  id: string,
): Exclude<ConfigAction, { readonly kind: "read" }> {
  return write.kind === "create" ? { ...write, id, answer } : { ...write, answer };
}

function readingOf(config: unknown): Reading {
  return {
    id: textAt(config, "ID"),
    value: textAt(config, "Spec", "Labels", "value"),
    version: numberAt(config, "Version", "Index"),
  };
}

/**
 * A manager draws the id of what it creates: who was not answered learns it from readings of the
 * value. What nobody read has an id that nobody asks for.
 */
function named(operations: readonly Operation<ConfigAction>[]): readonly Operation<ConfigAction>[] {
  const ids = new Map<string, string>();
  for (const { action } of operations) {
    const seen = action.kind === "read" ? action.found : undefined;
    const from = action.kind === "update" ? action.from : seen;
    if (from !== undefined) ids.set(from.value, from.id);
  }
  return operations.map((operation) => {
    const { action } = operation;
    if (action.kind !== "create" || action.id !== "") return operation;
    const id = ids.get(action.value) ?? `of ${action.value}`;
    return { ...operation, action: { ...action, id } };
  });
}
