/**
 * The objects that the API gives, field by field against what dockerd gave when it was recorded and
 * what Docker publishes: what was always there is there, nothing is there that no client knows, and
 * everything has its type.
 */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

interface Kind {
  readonly always: readonly string[];
  /** Path -> its types, as words. */
  readonly known: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Record<string, Kind>> = JSON.parse(
  readFileSync(new URL("../fixtures/engine-api/fields.json", import.meta.url), "utf8"),
);

/** Every field that a plain service may have. */
const SPEC = {
  Name: "web",
  Labels: { a: "b" },
  TaskTemplate: {
    ContainerSpec: {
      ...{ Image: "host", Command: ["sleep"], Args: ["9"], Env: ["A=1"], Dir: "/", User: "0" },
      ...{ Labels: { c: "d" }, Hostname: "h", StopSignal: "SIGINT", StopGracePeriod: 5e9 },
    },
    Resources: { Limits: { MemoryBytes: 6e7 }, Reservations: { NanoCPUs: 1e7 } },
    RestartPolicy: { Condition: "on-failure", Delay: 1e9, MaxAttempts: 3, Window: 1e10 },
    Placement: { Constraints: ["node.role==worker"], MaxReplicas: 4 },
    LogDriver: { Name: "json-file", Options: { "max-size": "1m" } },
  },
  Mode: { Replicated: { Replicas: 2 } },
  UpdateConfig: { Parallelism: 1, Delay: 1e9, FailureAction: "rollback", Monitor: 1e9 },
  RollbackConfig: { Parallelism: 1, Order: "stop-first" },
  EndpointSpec: { Mode: "vip", Ports: [{ TargetPort: 80, PublishedPort: 8081 }] },
};

/**
 * Not ours to have: the recorded dockerd had plugins, certificates of its own kind, and experiments
 * switched on (the field is left out when they are off).
 */
const NOT_HERE: readonly string[] = [
  ...["Node.Description.TLSInfo", "Node.Description.Engine.Plugins", "Version.Experimental"],
];

/** Ours, in places where Docker allows for more. */
const OURS: ReadonlySet<string> = new Set(["Network.Options"]);

describe("engine-api: fields", function () {
  this.timeout(20_000);
  let cluster: FakeCluster;
  let socket = "";
  before(async () => {
    cluster = await FakeCluster.start(1, 2);
    socket = cluster.managers[0]?.socket ?? "";
    const made = await ask(socket, "POST /services/create", { body: SPEC });
    expect(made.status, String(made.message)).to.equal(201);
    const service = await ask(socket, "GET /services/web");
    const { Index } = (service.body as { readonly Version: { readonly Index: number } }).Version;
    const body = { ...SPEC, Labels: { a: "c" } };
    await ask(socket, `POST /services/web/update?version=${Index}`, { body });
    await ask(socket, "POST /configs/create", { body: { Name: "cf", Data: "YQ==" } });
  });
  after(() => cluster.close());

  const rows = [
    { kind: "Service", from: "GET /services/web" },
    { kind: "Service", from: "GET /services?status=true" },
    { kind: "Service", from: "GET /services/web?insertDefaults=true" },
    { kind: "Task", from: "GET /tasks" },
    { kind: "Node", from: "GET /nodes" },
    { kind: "Config", from: "GET /configs" },
    { kind: "Network", from: "GET /networks" },
    { kind: "Version", from: "GET /version" },
  ];
  for (const { kind, from } of rows) {
    it(`${kind} of ${from}`, async () => {
      const { body, status } = await ask(socket, from);
      expect(status).to.equal(200);
      const objects = Array.isArray(body) ? body : [body];
      expect(objects.length).to.be.greaterThan(0);
      expect(objects.flatMap((object) => faults(kind, object))).to.deep.equal([]);
    });
  }
});

/** "missing Spec.Name", "unknown Foo", "Version.Index is a string, not number". */
function faults(kind: string, object: unknown): readonly string[] {
  const { always = [], known = {} } = KINDS[kind] ?? {};
  const found = new Map<string, string>();
  flatten(object, "", { known, found });
  const isNotHere = (path: string): boolean =>
    NOT_HERE.some((prefix) => `${kind}.${path}`.startsWith(prefix));
  const missing = always.filter((path) => !found.has(path) && !isNotHere(path));
  const wrong = [...found].flatMap(([path, type]) => {
    if (OURS.has(`${kind}.${path}`)) return [];
    const types = typesOf(known, path);
    if (types === undefined) return [`unknown ${path}`];
    return types.includes(type) ? [] : [`${path} is ${type}, not ${types.join(" or ")}`];
  });
  return [...missing.map((path) => `missing ${path}`), ...wrong];
}

/** Of a leaf its own; what only holds others is an object or a list. */
function typesOf(known: Kind["known"], path: string): readonly string[] | undefined {
  const own = known[path];
  if (own !== undefined) return own.split(" ");
  const paths = Object.keys(known);
  if (paths.some((one) => one.startsWith(`${path}[]`))) return ["array", "null"];
  return paths.some((one) => one.startsWith(`${path}.`)) ? ["object"] : undefined;
}

interface Flattening {
  readonly known: Kind["known"];
  readonly found: Map<string, string>;
}

function flatten(value: unknown, path: string, into: Flattening): void {
  if (path !== "") into.found.set(path, typeOf(value));
  if (Array.isArray(value)) {
    for (const item of value) flatten(item, `${path}[]`, into);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  // A map's keys are the user's: its own path is all there is to check.
  const isMap = path !== "" && typesOf(into.known, `${path}.`) === undefined;
  const holds = Object.keys(into.known).some((one) => one.startsWith(`${path}.`));
  if (isMap && !holds) return;
  for (const [key, item] of Object.entries(value)) {
    flatten(item, path === "" ? key : `${path}.${key}`, into);
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}
