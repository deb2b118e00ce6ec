/** Workers that apply what they are told end with exactly what the store says, whatever happens. */

import { nodeId } from "@skein/common/ids";
import { replicasOf } from "@skein/common/model/service-mode";
import { expect } from "chai";
import fc from "fast-check";
import { assignmentsOf } from "./assignments.ts";
import { routesOf } from "./routes.ts";
import { hello, Stage, WorkerModel } from "./stage.test.ts";

const NODES = ["n0", "n1", "n2"] as const;
const PORT = { protocol: "tcp", targetPort: 80, publishedPort: 0, mode: "ingress" } as const;

type Act =
  | { readonly kind: "connect"; readonly node: number; readonly silent: boolean }
  | { readonly kind: "close"; readonly node: number; readonly refused: boolean }
  | { readonly kind: "pass"; readonly milliseconds: number }
  | { readonly kind: "create" | "remove" | "scale" | "update"; readonly service: number }
  | { readonly kind: "label" | "drain" | "activate"; readonly node: number }
  | { readonly kind: "agents" | "fail-task" | "lead" };

const node = fc.nat(2);
const service = fc.nat(2);
const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant("connect" as const), node, silent: fc.boolean() }),
  fc.record({ kind: fc.constant("close" as const), node, refused: fc.boolean() }),
  fc.record({
    kind: fc.constant("pass" as const),
    milliseconds: fc.constantFrom(1, 10, 500, 4000),
  }),
  fc.record({ kind: fc.constantFrom("create", "remove", "scale", "update"), service }),
  fc.record({ kind: fc.constantFrom("label", "drain", "activate"), node }),
  fc.record({ kind: fc.constantFrom("agents", "fail-task", "lead") }),
);

/** A stage with a worker model behind each connection. */
class Play {
  readonly stage = new Stage();
  readonly #workers = new Map<number, { readonly model: WorkerModel; readonly node: string }>();
  readonly #silent = new Set<number>();
  #next = 1;
  #labels = 0;

  constructor() {
    this.stage.hear = (connection, message) => {
      const answer = this.#workers.get(connection)?.model.hear(message);
      if (answer !== undefined && !this.#silent.has(connection)) {
        this.#answers.push([connection, answer]);
      }
    };
    this.stage.closed = (connection) => this.#workers.delete(connection);
  }
  readonly #answers: [number, ReturnType<WorkerModel["hear"]>][] = [];

  act(act: Act): void {
    switch (act.kind) {
      case "connect":
        this.connect(NODES[act.node] ?? "n0", act.silent);
        break;
      case "close":
        this.#close(NODES[act.node] ?? "n0", act.refused);
        break;
      case "pass":
        this.stage.advance(act.milliseconds);
        break;
      case "lead":
        this.stage.changeLeader();
        this.#workers.clear();
        break;
      default:
        this.stage.change(() => this.#change(act));
    }
    this.#deliver();
  }

  /** Everybody connects and listens; time passes until nothing is on its way. */
  quiesce(): void {
    this.#silent.clear();
    for (const name of NODES) this.connect(name, false);
    for (let round = 0; round < 3; round += 1) {
      this.stage.advance(200);
      this.#deliver();
    }
  }

  check(): void {
    const { view } = this.stage.cluster;
    const routes = routesOf(view);
    expect(this.#workers.size).to.equal(NODES.length);
    for (const { model, node: name } of this.#workers.values()) {
      expect(model.gap).to.equal(undefined);
      const assignments = [...model.assignments.values()].sort((a, b) =>
        a.taskId < b.taskId ? -1 : 1,
      );
      expect(assignments).to.deep.equal(assignmentsOf(view, nodeId(name)));
      const told = [...model.routes.values()].sort((a, b) => (a.serviceId < b.serviceId ? -1 : 1));
      expect(told).to.deep.equal(routes);
    }
  }

  connect(name: string, silent: boolean): void {
    const connection = this.#next;
    this.#next += 1;
    this.#workers.set(connection, { model: new WorkerModel(), node: name });
    if (silent) this.#silent.add(connection);
    this.stage.connect(connection, name);
    this.stage.say(connection, hello(name));
    this.#deliver();
  }

  #close(name: string, refused: boolean): void {
    for (const [connection, worker] of [...this.#workers]) {
      if (worker.node !== name) continue;
      this.#workers.delete(connection);
      this.stage.close(connection);
      if (this.stage.cluster.view.nodes.get(nodeId(name)) === undefined) continue;
      this.stage.probed(name, refused ? "refused" : "unknown");
    }
  }

  #deliver(): void {
    for (;;) {
      const next = this.#answers.shift();
      if (next === undefined) return;
      const [connection, message] = next;
      if (message !== undefined && this.#workers.has(connection))
        this.stage.say(connection, message);
    }
  }

  #change(act: Exclude<Act, { readonly kind: "connect" | "close" | "pass" | "lead" }>): void {
    const { cluster } = this.stage;
    if ("service" in act) this.#changeService(act.kind, `s${act.service}`);
    else if ("node" in act) this.#changeNode(act.kind, NODES[act.node] ?? "n0");
    else if (act.kind === "agents") cluster.oblige();
    else this.#failTask();
    cluster.settle();
  }

  #changeService(kind: "create" | "remove" | "scale" | "update", name: string): void {
    const { cluster } = this.stage;
    const existing = cluster.view.serviceByName(name);
    if (kind === "create") {
      if (existing === undefined && cluster.view.services.list().every(({ id }) => id !== name)) {
        cluster.create(name, { replicas: 3, ports: [PORT] });
      }
      return;
    }
    if (existing === undefined) return;
    const { mode, task } = existing.spec;
    if (kind === "remove") cluster.apply({ kind: "remove-service", serviceId: existing.id });
    else if (kind === "scale")
      cluster.change(name, { replicas: ((replicasOf(mode) ?? 0) + 3) % 5 });
    else cluster.change(name, { task: { forceUpdate: task.forceUpdate + 1 } });
  }

  #changeNode(kind: "label" | "drain" | "activate", name: string): void {
    const { cluster } = this.stage;
    if (cluster.view.nodes.get(nodeId(name)) === undefined) return;
    this.#labels += 1;
    if (kind === "label") cluster.setNode(name, { labels: { a: String(this.#labels) } });
    else cluster.setNode(name, { availability: kind === "drain" ? "drain" : "active" });
  }

  #failTask(): void {
    const { cluster } = this.stage;
    const task = cluster.view.tasks.list().find(({ status }) => status.state === "running");
    if (task !== undefined) cluster.report(task.id, { state: "failed" });
  }
}

describe("dispatcher (property)", () => {
  it("tells every worker exactly what the store says (D1, D5)", () => {
    fc.assert(
      fc.property(fc.array(acts, { minLength: 5, maxLength: 60 }), (script) => {
        const play = new Play();
        for (const act of script) play.act(act);
        play.quiesce();
        play.check();
      }),
      { numRuns: 100 },
    );
  }).timeout(30_000);

  it("is deterministic: equal inputs give equal effects", () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 30 }), (script) => {
        const [first, second] = [trace(script), trace(script)];
        expect(first).to.deep.equal(second);
      }),
      { numRuns: 20 },
    );
  }).timeout(30_000);

  it("a worker model notices a lost increment", () => {
    const play = new Play();
    play.connect("n0", false);
    const lossy = new WorkerModel();
    lossy.hear({ kind: "assignments", complete: true, base: 0, version: 1, put: [], remove: [] });
    lossy.hear({ kind: "assignments", complete: false, base: 2, version: 3, put: [], remove: [] });
    expect(lossy.gap).to.equal("assignments 2");
  });
});

function trace(script: readonly Act[]): readonly string[] {
  const play = new Play();
  const lines: string[] = [];
  const hear = play.stage.hear;
  play.stage.hear = (connection, message) => {
    lines.push(`${connection} ${JSON.stringify(message)}`);
    hear(connection, message);
  };
  for (const act of script) play.act(act);
  return lines;
}
