import { expect } from "chai";
import * as fc from "fast-check";
import { DEPLOY_KEYS } from "./deploy-keys.ts";
import type { StackNames } from "./engine-spec.ts";
import { engineSpec } from "./engine-spec.ts";
import { SERVICE_KEYS } from "./service-keys.ts";
import { readStack } from "./stack.ts";
import type { Tree } from "./tree.ts";
import { mapAt } from "./tree.ts";

const NAMES: StackNames = {
  stack: "app",
  service: (key) => (key === "gone" ? undefined : `app_${key}`),
  network: (key) => `app_${key}`,
  file: (kind, key) => ({ id: `id-of-${key}`, name: `app_${key}-${kind}` }),
};

function specOf(service: Tree, rest: Readonly<Record<string, Tree>> = {}): Tree {
  const web = { image: "host", ...Object(service) };
  const stack = readStack({ services: { web, zdb: { image: "host" } }, ...rest });
  if (!stack.ok) throw new Error(JSON.stringify(stack.error));
  const [first] = stack.value.services;
  if (first === undefined) throw new Error("no service");
  return JSON.parse(JSON.stringify(engineSpec(first, NAMES)));
}

function containerOf(service: Tree): Tree {
  return mapAt(mapAt(specOf(service), "TaskTemplate"), "ContainerSpec");
}

function reasons(tree: Tree): readonly string[] {
  const stack = readStack(tree);
  return stack.ok ? [] : stack.error.map(({ path, reason }) => `${path}: ${reason}`);
}

function wrongWith(service: Tree): readonly string[] {
  return reasons({ services: { web: { image: "host", ...Object(service) } } });
}

describe("a service of a stack", () => {
  it("carries the stack's name and labels, and is on its default network", () => {
    expect(specOf({ command: "node server.js" })).to.deep.equal({
      Name: "app_web",
      Labels: { "com.docker.stack.namespace": "app", "com.docker.stack.image": "host" },
      TaskTemplate: {
        ContainerSpec: {
          Image: "host",
          Args: ["node", "server.js"],
          Labels: { "com.docker.stack.namespace": "app" },
        },
        Networks: [{ Target: "app_default", Aliases: ["web"] }],
      },
      Mode: { Replicated: { Replicas: 1 } },
      EndpointSpec: {},
    });
  });

  const containers: readonly (readonly [string, Tree, object])[] = [
    [
      "entrypoint and command",
      { entrypoint: ["sh", "-c"], command: ["exit 1"] },
      { Command: ["sh", "-c"], Args: ["exit 1"] },
    ],
    [
      "environment as a map",
      { environment: { B: 2, A: true, C: null } },
      { Env: ["A=true", "B=2", "C="] },
    ],
    ["environment as a list", { environment: ["B=2", "A=x=y"] }, { Env: ["A=x=y", "B=2"] }],
    [
      "stop signal and grace",
      { stop_signal: "SIGINT", stop_grace_period: "1m30s" },
      { StopSignal: "SIGINT", StopGracePeriod: 90e9 },
    ],
    [
      "user, directory, hostname",
      { user: "u", working_dir: "/w", hostname: "h" },
      { User: "u", Dir: "/w", Hostname: "h" },
    ],
    [
      "a health check for the shell",
      { healthcheck: { test: "curl x", interval: "5s", retries: 3 } },
      { Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 5e9, Retries: 3 } },
    ],
    ["no health check", { healthcheck: { disable: true } }, { Healthcheck: { Test: ["NONE"] } }],
    [
      "mounts",
      { volumes: ["/a:/b:ro", { type: "tmpfs", target: "/t" }] },
      {
        Mounts: [
          { Type: "bind", Source: "/a", Target: "/b", ReadOnly: true },
          { Type: "tmpfs", Target: "/t" },
        ],
      },
    ],
  ];
  for (const [name, service, expected] of containers) {
    it(name, () => expect(containerOf(service)).to.deep.include(expected));
  }

  const specs: readonly (readonly [string, Tree, string, unknown])[] = [
    ["global", { deploy: { mode: "global" } }, "Mode", { Global: {} }],
    ["replicas", { deploy: { replicas: "3" } }, "Mode", { Replicated: { Replicas: 3 } }],
    ["scale", { scale: 2 }, "Mode", { Replicated: { Replicas: 2 } }],
    [
      "a job",
      { deploy: { mode: "replicated-job", replicas: 2 } },
      "Mode",
      { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 2 } },
    ],
    [
      "short ports",
      { ports: ["9000-9001:80-81", "8080:80/udp", 70] },
      "EndpointSpec",
      {
        Ports: [
          { Protocol: "tcp", TargetPort: 70, PublishMode: "ingress" },
          { Protocol: "udp", TargetPort: 80, PublishedPort: 8080, PublishMode: "ingress" },
          { Protocol: "tcp", TargetPort: 80, PublishedPort: 9000, PublishMode: "ingress" },
          { Protocol: "tcp", TargetPort: 81, PublishedPort: 9001, PublishMode: "ingress" },
        ],
      },
    ],
    [
      "a long port",
      { ports: [{ target: 80, published: "8080", mode: "host" }] },
      "EndpointSpec",
      { Ports: [{ Protocol: "tcp", TargetPort: 80, PublishedPort: 8080, PublishMode: "host" }] },
    ],
    [
      "an update configuration",
      {
        deploy: {
          update_config: {
            parallelism: 2,
            delay: "1s",
            order: "start-first",
            max_failure_ratio: 0.5,
          },
        },
      },
      "UpdateConfig",
      { Parallelism: 2, Delay: 1e9, MaxFailureRatio: 0.5, Order: "start-first" },
    ],
  ];
  for (const [name, service, key, expected] of specs) {
    it(name, () => expect(mapAt(specOf(service), key)).to.deep.equal(expected));
  }

  const tasks: readonly (readonly [string, Tree, string, unknown])[] = [
    [
      "resources",
      {
        deploy: {
          resources: {
            limits: { cpus: "0.5", memory: "50M", pids: 10 },
            reservations: { memory: "20M" },
          },
        },
      },
      "Resources",
      {
        Limits: { NanoCPUs: 5e8, MemoryBytes: 52_428_800, Pids: 10 },
        Reservations: { MemoryBytes: 20_971_520 },
      },
    ],
    [
      "older resource keys",
      { cpus: 1, mem_limit: "1g", mem_reservation: "512m" },
      "Resources",
      {
        Limits: { NanoCPUs: 1e9, MemoryBytes: 1_073_741_824 },
        Reservations: { MemoryBytes: 536_870_912 },
      },
    ],
    [
      "a restart policy",
      { restart: "always", deploy: { restart_policy: { condition: "none" } } },
      "RestartPolicy",
      { Condition: "none" },
    ],
    [
      "restart on failure",
      { restart: "on-failure:3" },
      "RestartPolicy",
      { Condition: "on-failure", MaxAttempts: 3 },
    ],
    [
      "placement",
      {
        deploy: {
          placement: {
            constraints: ["node.role==worker"],
            preferences: [{ spread: "node.labels.zone" }],
            max_replicas_per_node: 2,
          },
        },
      },
      "Placement",
      {
        Constraints: ["node.role==worker"],
        Preferences: [{ Spread: { SpreadDescriptor: "node.labels.zone" } }],
        MaxReplicas: 2,
      },
    ],
    ["logging", { logging: { driver: "none" } }, "LogDriver", { Name: "none" }],
  ];
  for (const [name, service, key, expected] of tasks) {
    it(name, () => {
      expect(mapAt(mapAt(specOf(service), "TaskTemplate"), key)).to.deep.equal(expected);
    });
  }

  it("names networks, aliases, configs, secrets and dependencies as in the cluster", () => {
    const spec = specOf(
      {
        networks: { back: { aliases: ["api"] } },
        configs: [{ source: "c", target: "/etc/c", mode: "0440" }],
        secrets: ["s"],
        depends_on: { zdb: { condition: "service_healthy" }, gone: { required: false } },
      },
      { networks: { back: {} }, configs: { c: { content: "x" } }, secrets: { s: { file: "./s" } } },
    );
    expect(mapAt(spec, "Labels")).to.deep.include({
      "skein.depends_on": "app_zdb=service_healthy",
    });
    const task = mapAt(spec, "TaskTemplate");
    expect(task["Networks"]).to.deep.equal([{ Target: "app_back", Aliases: ["web", "api"] }]);
    expect(mapAt(task, "ContainerSpec")).to.deep.include({
      Configs: [
        {
          File: { Name: "/etc/c", UID: "0", GID: "0", Mode: 0o440 },
          ConfigID: "id-of-c",
          ConfigName: "app_c-configs",
        },
      ],
      Secrets: [
        {
          File: { Name: "s", UID: "0", GID: "0", Mode: 0o444 },
          SecretID: "id-of-s",
          SecretName: "app_s-secrets",
        },
      ],
    });
  });
});

describe("what a stack cannot be", () => {
  const table: readonly (readonly [string, Tree, RegExp])[] = [
    ["an unknown key, with the likely one", { imagee: "x" }, /web\.imagee: .*did you mean image\?/],
    ["two letters swapped", { prots: [] }, /did you mean ports\?/],
    ["what a process cannot have", { privileged: true }, /privileged: cannot be honoured/],
    ["a build", { build: "." }, /build: cannot be honoured: .*build before/],
    ["a named volume", { volumes: ["data:/data"] }, /data is a named volume/],
    ["a host address", { ports: ["127.0.0.1:80:80"] }, /leave 127.0.0.1: out/],
    ["uneven ranges", { ports: ["80-82:80-81"] }, /does not pair/],
    ["port 0", { ports: ["80:0"] }, /must look like/],
    ["a wrong duration", { stop_grace_period: "10" }, /must be a duration/],
    ["a wrong size", { mem_limit: "much" }, /must be a size/],
    ["replicas of a global service", { deploy: { mode: "global", replicas: 2 } }, /no replicas/],
    ["an unknown mode", { deploy: { mode: "daemon" } }, /must be one of replicated, global/],
    ["an open quote", { command: "echo 'a" }, /is not closed/],
    ["an unknown network", { networks: ["nowhere"] }, /nowhere is not among the file's networks/],
    ["an unknown secret", { secrets: ["nothing"] }, /nothing is not among the file's secrets/],
    ["an unknown dependency", { depends_on: ["nobody"] }, /nobody: there is no such service/],
    ["itself as a dependency", { depends_on: ["web"] }, /in a circle: web -> web/],
    ["a list for a map", { deploy: [1] }, /deploy: must be a map, not a list/],
  ];
  for (const [name, service, reason] of table) {
    it(name, () => expect(wrongWith(service).join("\n")).to.match(reason));
  }

  it("tells all of it at once, each with its place", () => {
    const wrong = wrongWith({ privileged: true, mem_limit: "x", deploy: { replicas: -1 } });
    expect(wrong.map((line) => line.split(": ")[0])).to.have.members([
      "services.web.privileged",
      "services.web.mem_limit",
      "services.web.deploy.replicas",
    ]);
  });

  it("every key that is marked `no` is refused, and every ignored one reported", () => {
    for (const [key, { support }] of Object.entries(SERVICE_KEYS)) {
      const stack = readStack({ services: { web: { image: "host", [key]: { some: "thing" } } } });
      const path = `services.web.${key}`;
      if (support === "no") {
        expect(stack.ok, key).to.equal(false);
        if (!stack.ok) expect(stack.error.map((one) => one.path)).to.include(path);
      }
      if (support === "ignored") {
        expect(stack.ok && stack.value.ignored.map((one) => one.path), key).to.include(path);
      }
    }
  });

  it("every key below `deploy` is read as the table says", () => {
    const samples: Readonly<Record<string, Tree>> = {
      mode: "replicated",
      labels: { a: "b" },
      endpoint_mode: "vip",
      constraints: ["node.role==worker"],
      preferences: [{ spread: "node.labels.zone" }],
      generic_resources: [{ discrete_resource_spec: { kind: "gpu", value: 1 } }],
      condition: "any",
      delay: "1s",
      window: "1s",
      monitor: "1s",
      failure_action: "pause",
      order: "start-first",
      memory: "1M",
    };
    for (const [path, { support }] of Object.entries(DEPLOY_KEYS)) {
      const keys = path.split(".");
      const sample = samples[keys.at(-1) ?? ""] ?? 1;
      const deploy = keys.reduceRight<Tree>((tree, key) => ({ [key]: tree }), sample);
      const wrong = wrongWith({ deploy });
      expect(wrong.length > 0, `${path}: ${wrong.join()}`).to.equal(support === "no");
      if (support === "no") continue;
      const without = JSON.stringify(specOf({}));
      const isDefault = path === "mode" || path === "replicas";
      expect(JSON.stringify(specOf({ deploy })) !== without || isDefault, path).to.equal(true);
    }
  });

  it("reports what has no effect", () => {
    const stack = readStack({
      services: { web: { image: "host", container_name: "x", expose: ["80"] } },
      volumes: { data: {} },
    });
    expect(stack.ok && stack.value.ignored.map(({ path }) => path)).to.deep.equal([
      "services.web.container_name",
      "services.web.expose",
      "volumes.data",
    ]);
  });

  it("waits in a circle", () => {
    const services = {
      a: { image: "host", depends_on: ["b"] },
      b: { image: "host", depends_on: ["c"] },
      c: { image: "host", depends_on: ["a"] },
    };
    expect(reasons({ services })).to.deep.equal([
      "services: they wait in a circle: a -> b -> c -> a",
    ]);
  });

  it("a job's end is waited for only where there is a job", () => {
    const services = (mode: string): Tree => ({
      services: {
        migrate: { image: "host", deploy: { mode } },
        web: {
          image: "host",
          depends_on: { migrate: { condition: "service_completed_successfully" } },
        },
      },
    });
    expect(reasons(services("replicated-job"))).to.deep.equal([]);
    expect(reasons(services("replicated"))[0]).to.match(/migrate is no job/);
  });

  it("(property) any tree is answered, and its order changes nothing", () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const keys = fc.constantFrom(...Object.keys(SERVICE_KEYS));
    const values = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(keys, leaf));
    fc.assert(
      fc.property(fc.dictionary(keys, values, { maxKeys: 8 }), (service) => {
        const stack = readStack({ services: { web: service as Tree } });
        const turned = Object.fromEntries(Object.entries(service).toReversed());
        const again = readStack({ services: { web: turned as Tree } });
        expect(again.ok).to.equal(stack.ok);
        const [first] = stack.ok ? stack.value.services : [];
        const [second] = again.ok ? again.value.services : [];
        if (first === undefined || second === undefined) return;
        expect(engineSpec(second, NAMES)).to.deep.equal(engineSpec(first, NAMES));
      }),
      { numRuns: 200 },
    );
  });
});
