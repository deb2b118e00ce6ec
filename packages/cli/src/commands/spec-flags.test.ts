import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Command } from "commander";
import { at } from "../api/read.ts";
import type { EngineSpec } from "./spec.ts";
import { emptySpec } from "./spec.ts";
import { addSpecFlags, writeFlags } from "./spec-flags.ts";

/** What a command line makes of a spec. */
function written(use: "create" | "update", args: readonly string[], spec: EngineSpec): EngineSpec {
  const command = addSpecFlags(new Command("x"), use)
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  command.parse([...args], { from: "user" });
  writeFlags(spec, command.opts());
  return spec;
}

function created(...args: readonly string[]): EngineSpec {
  return written("create", args, emptySpec("host", ["node", "server.js"], "web"));
}

const CONTAINER = ["TaskTemplate", "ContainerSpec"];

describe("flags of service create", () => {
  const rows: readonly {
    readonly args: readonly string[];
    readonly path: readonly string[];
    readonly value: unknown;
  }[] = [
    { args: ["--replicas", "3"], path: ["Mode"], value: { Replicated: { Replicas: 3 } } },
    { args: ["-e", "A=1", "-e", "B=x=y"], path: [...CONTAINER, "Env"], value: ["A=1", "B=x=y"] },
    { args: ["-e", "A=1", "-e", "A=2"], path: [...CONTAINER, "Env"], value: ["A=2"] },
    { args: ["-w", "/srv"], path: [...CONTAINER, "Dir"], value: "/srv" },
    { args: ["-u", "me"], path: [...CONTAINER, "User"], value: "me" },
    {
      args: ["--entrypoint", "nice -n 5"],
      path: [...CONTAINER, "Command"],
      value: ["nice", "-n", "5"],
    },
    { args: ["--stop-grace-period", "1m"], path: [...CONTAINER, "StopGracePeriod"], value: 60e9 },
    { args: ["-l", "a=1", "--label", "b"], path: ["Labels"], value: { a: "1", b: "" } },
    { args: ["--container-label", "a=1"], path: [...CONTAINER, "Labels"], value: { a: "1" } },
    {
      args: ["--constraint", "node.role==worker"],
      path: ["TaskTemplate", "Placement", "Constraints"],
      value: ["node.role==worker"],
    },
    {
      args: ["--replicas-max-per-node", "1"],
      path: ["TaskTemplate", "Placement", "MaxReplicas"],
      value: 1,
    },
    {
      args: ["--restart-max-attempts", "2"],
      path: ["TaskTemplate", "RestartPolicy"],
      value: { MaxAttempts: 2, Condition: "any" },
    },
    {
      args: ["--update-order", "start-first"],
      path: ["UpdateConfig"],
      value: { Order: "start-first", Parallelism: 1 },
    },
    {
      args: ["--update-order", "blue-green"],
      path: ["UpdateConfig"],
      value: { Order: "blue-green", Parallelism: 1 },
    },
    {
      args: ["--update-standby", "5m"],
      path: ["Labels"],
      value: { "skein.update.standby": "300000ms" },
    },
    {
      args: ["--rollback-parallelism", "0"],
      path: ["RollbackConfig"],
      value: { Parallelism: 0 },
    },
    {
      args: ["--limit-cpu", "0.5", "--limit-memory", "64m"],
      path: ["TaskTemplate", "Resources", "Limits"],
      value: { NanoCPUs: 5e8, MemoryBytes: 64 * 1024 ** 2 },
    },
    { args: ["--mode", "global"], path: ["Mode"], value: { Global: {} } },
    {
      args: ["--mode", "replicated", "--replicas", "2"],
      path: ["Mode"],
      value: { Replicated: { Replicas: 2 } },
    },
    { args: ["--tty"], path: [...CONTAINER, "TTY"], value: true },
  ];
  for (const { args, path, value } of rows) {
    it(args.join(" "), () => expect(at(created(...args), ...path)).to.deep.equal(value));
  }

  it("leave a spec alone when none is given", () => {
    expect(created()).to.deep.equal(emptySpec("host", ["node", "server.js"], "web"));
  });

  it("take variables from a file, where the command line wins", () => {
    const directory = mkdtempSync(join(tmpdir(), "skein-flags-"));
    const file = join(directory, "env");
    writeFileSync(file, "# comment\n\nA=1\r\nB=2\n");
    const spec = created("-e", "A=mine", "--env-file", file);
    rmSync(directory, { recursive: true });
    expect(at(spec, ...CONTAINER, "Env")).to.deep.equal(["A=mine", "B=2"]);
  });

  it("take the caller's value for a bare name", () => {
    process.env["SKEIN_TEST_VALUE"] = "mine";
    const spec = created("-e", "SKEIN_TEST_VALUE", "-e", "SKEIN_TEST_UNSET");
    delete process.env["SKEIN_TEST_VALUE"];
    const wanted = ["SKEIN_TEST_VALUE=mine", "SKEIN_TEST_UNSET="];
    expect(at(spec, ...CONTAINER, "Env")).to.deep.equal(wanted);
  });

  for (const args of [
    ["--replicas", "x"],
    ["--update-order", "sideways"],
    ["--rollback-order", "blue-green"],
    ["--env-add", "A=1"],
  ]) {
    it(`refuse ${args.join(" ")}`, () => expect(() => created(...args)).to.throw());
  }
});

describe("flags of service update", () => {
  const former = (): EngineSpec =>
    created("-e", "A=1", "-e", "B=2", "-p", "8080:3000", "-l", "a=1", "--constraint", "x == y");

  it("change what they name and leave the rest", () => {
    const args = ["--env-add", "B=3", "--env-add", "C=4", "--env-rm", "A"];
    const spec = written("update", args, former());
    expect(at(spec, ...CONTAINER, "Env")).to.have.members(["B=3", "C=4"]);
    const untouched = { ...former(), TaskTemplate: spec["TaskTemplate"] };
    expect(spec).to.deep.equal(untouched);
  });

  it("replace a port with the same target", () => {
    const spec = written("update", ["--publish-add", "9090:3000"], former());
    const ports = at(spec, "EndpointSpec", "Ports");
    expect(ports).to.have.length(1);
    expect(at({ ports }, "ports", "0", "PublishedPort")).to.equal(9090);
  });

  it("remove ports, labels and constraints by what names them", () => {
    const args = ["--publish-rm", "3000", "--label-rm", "a", "--constraint-rm", "x==y"];
    const spec = written("update", args, former());
    expect(at(spec, "EndpointSpec", "Ports")).to.deep.equal([]);
    expect(at(spec, "Labels")).to.deep.equal({});
    expect(at(spec, "TaskTemplate", "Placement", "Constraints")).to.deep.equal([]);
  });

  it("do not know the flags that only make sense at creation", () => {
    expect(() => written("update", ["--env", "A=1"], former())).to.throw(/unknown option/);
  });
});
