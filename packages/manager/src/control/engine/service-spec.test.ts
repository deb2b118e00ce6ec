import { readFileSync } from "node:fs";
import { networkId } from "@skein/common/ids";
import { serviceSpecSchema } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import { decodeWith } from "@skein/common/wire/schema";
import { expect } from "chai";
import { unclassified } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import { insertDefaults } from "./insert-defaults.ts";
import { normalizeSpec } from "./normalize-spec.ts";
import { serviceSpecShape } from "./service-shape.ts";
import type { SpecContext } from "./service-spec.ts";
import { readServiceSpec } from "./service-spec.ts";

interface Recorded {
  readonly from: string;
  readonly sent: Record<string, unknown>;
  readonly stored?: object;
  readonly withDefaults?: object;
}

const FIXTURES = new URL("../../../../../test/fixtures/engine-api/specs.json", import.meta.url);
const recorded: readonly Recorded[] = JSON.parse(readFileSync(FIXTURES, "utf8"));
const context: SpecContext = {
  verb: "create",
  defaultName: "unnamed",
  defaultDirectory: undefined,
  network: (reference: string) =>
    ["blue", "n1"].includes(reference)
      ? ok(networkId("n1"))
      : unclassified(`network ${reference} not found`),
};

function shown(sent: unknown): object {
  const decoded = decodeGo(serviceSpecShape, sent);
  if (!decoded.ok) throw new Error(decoded.error);
  return normalizeSpec(decoded.value.value, context);
}

describe("service-spec: recordings of dockerd", () => {
  for (const { from, sent, stored, withDefaults } of recorded) {
    if (stored !== undefined) {
      it(`gives back what dockerd gives back: ${from}`, () => {
        expect(shown(sent)).to.deep.equal(stored);
      });
    }
    if (withDefaults !== undefined) {
      it(`inserts the defaults dockerd inserts: ${from}`, () => {
        expect(insertDefaults(shown(sent))).to.deep.equal(withDefaults);
      });
    }
  }
});

/**
 * The CLI's own request for `docker service create --name web --replicas 3 -p 8080:3000 host …`.
 */
const WEB = {
  Name: "web",
  Labels: { tier: "front" },
  TaskTemplate: {
    ContainerSpec: {
      Image: "host:latest",
      Args: ["node", "server.js"],
      Env: ["A=1"],
      Init: false,
      StopGracePeriod: 1_500_000_000,
      DNSConfig: {},
    },
    Resources: { Limits: { NanoCPUs: 500_000_000 }, Reservations: { MemoryBytes: 67_108_864 } },
    RestartPolicy: { Condition: "on-failure", Delay: 2_000_000_000, MaxAttempts: 3, Window: 1 },
    Placement: {
      Constraints: ["node.role==worker"],
      Preferences: [{ Spread: { SpreadDescriptor: "node.labels.zone" } }],
      MaxReplicas: 2,
    },
    ForceUpdate: 0,
  },
  Mode: { Replicated: { Replicas: 3 } },
  UpdateConfig: {
    Parallelism: 2,
    Delay: 1_000_000_000,
    FailureAction: "rollback",
    Monitor: 3_000_000_000,
    MaxFailureRatio: 0.2,
    Order: "start-first",
  },
  EndpointSpec: { Mode: "vip", Ports: [{ TargetPort: 3000, PublishedPort: 8080 }] },
};

describe("service-spec: conversion", () => {
  it("converts every field at the edge", () => {
    const read = readServiceSpec(WEB, { ...context, defaultDirectory: "/srv" });
    if (!read.ok) throw new Error(read.error.message);
    const { engine, ...spec } = read.value.spec;
    expect(spec).to.deep.equal({
      name: "web",
      labels: { tier: "front" },
      task: {
        process: {
          image: "host",
          command: [],
          args: ["node", "server.js"],
          env: ["A=1"],
          directory: "/srv",
          labels: {},
          stopGraceMs: 1500,
        },
        restart: { condition: "on-failure", delayMs: 2000, maxAttempts: 3, windowMs: 1 },
        constraints: ["node.role==worker"],
        spread: ["node.labels.zone"],
        maxReplicasPerNode: 2,
        reservedMemoryBytes: 67_108_864,
        limitNanoCpus: 500_000_000,
        forceUpdate: 0,
      },
      mode: { kind: "replicated", replicas: 3 },
      update: {
        parallelism: 2,
        delayMs: 1000,
        failureAction: "rollback",
        monitorMs: 3000,
        maxFailureRatioMilli: 200,
        order: "start-first",
      },
      endpointMode: "vip",
      ports: [{ protocol: "tcp", targetPort: 3000, publishedPort: 8080, mode: "ingress" }],
    });
    expect(JSON.parse(engine).TaskTemplate.ContainerSpec).to.include({
      Image: "host:latest",
      Dir: "/srv",
    });
  });

  it("has ids for the names of networks, wherever the client put them", () => {
    const networks = [{ Target: "blue", Aliases: ["db"] }];
    for (const sent of [
      { ...WEB, Networks: networks },
      { ...WEB, TaskTemplate: { ...WEB.TaskTemplate, Networks: networks } },
    ]) {
      const read = readServiceSpec(sent, context);
      if (!read.ok) throw new Error(read.error.message);
      const { spec } = read.value;
      expect(spec.task.networks).to.deep.equal([{ networkId: "n1", aliases: ["db"] }]);
      const stored = JSON.parse(spec.engine);
      expect(stored.TaskTemplate.Networks).to.deep.equal([{ Target: "n1", Aliases: ["db"] }]);
      expect(stored).not.to.have.property("Networks");
      const again = readServiceSpec(stored, context);
      expect(again.ok && again.value.spec).to.deep.equal(spec);
    }
  });

  it("passes the schema of the store (S1), and changes nothing when read back (S2)", () => {
    const first = readServiceSpec(WEB, { ...context, defaultDirectory: "/srv" });
    if (!first.ok) throw new Error(first.error.message);
    expect(decodeWith(serviceSpecSchema, first.value.spec).ok).to.equal(true);
    const again = readServiceSpec(JSON.parse(first.value.spec.engine), {
      ...context,
      defaultDirectory: "/other",
    });
    expect(again).to.deep.equal(first);
  });

  it("warns of unknown keys and ignores them", () => {
    const read = readServiceSpec({ ...WEB, Colour: "red" }, context);
    expect(read.ok && read.value.warnings).to.deep.equal(["unknown field Colour ignored"]);
  });

  it("says once when a restart delay was not given: the first retry is then immediate", () => {
    const { RestartPolicy: _policy, ...task } = WEB.TaskTemplate;
    const read = readServiceSpec({ ...WEB, TaskTemplate: task }, context);
    expect(read.ok && read.value.spec.task.restart).to.equal(undefined);
  });
});

/** Settings of updates do not apply to jobs. */
const { UpdateConfig: _update, ...UNCONFIGURED } = WEB;
const JOB = { ...UNCONFIGURED, Mode: { GlobalJob: {} } };

describe("service-spec: refusals", () => {
  const container = (fields: object) => ({
    ...WEB,
    TaskTemplate: { ContainerSpec: { Image: "host", Args: ["x"], ...fields } },
  });
  const task = (fields: object) => ({ ...WEB, TaskTemplate: { ...WEB.TaskTemplate, ...fields } });
  const rows = [
    {
      name: "another image",
      sent: container({ Image: "nginx" }),
      status: 400,
      message:
        "Cannot create service web: image nginx is not supported yet: only programs of the node's" +
        ' own file system run (use the image name "host", as in ' +
        "docker service create … host node server.js)",
    },
    {
      name: "no command",
      sent: container({ Args: [] }),
      status: 400,
      message:
        "Cannot create service web: no command to run: give one after the image name, " +
        "as in docker service create --name web host node server.js",
    },
    {
      name: "mounts",
      sent: container({ Mounts: [{ Type: "bind", Source: "/a", Target: "/b" }] }),
      status: 501,
      message:
        "Cannot create service web: mounts (--mount): not supported yet, " +
        "a program of the node's own file system sees the node's files as they are",
    },
    {
      name: "secrets",
      sent: container({ Secrets: [{ SecretID: "x" }] }),
      status: 400,
      part: "malformed secret reference",
    },
    {
      name: "configs",
      sent: container({
        Configs: [{ ConfigID: "x", ConfigName: "x", File: { Name: "../x" } }],
      }),
      status: 400,
      part: "invalid target",
    },
    {
      name: "a health check without a command",
      sent: container({ Healthcheck: { Test: ["CMD"] } }),
      status: 400,
      part: "no command",
    },
    { name: "init", sent: container({ Init: true }), status: 501, part: "--init" },
    { name: "tty", sent: container({ TTY: true }), status: 501, part: "--tty" },
    { name: "hosts", sent: container({ Hosts: ["1.2.3.4 a"] }), status: 501, part: "--host" },
    {
      name: "capabilities",
      sent: container({ CapabilityAdd: ["CAP_X"] }),
      status: 501,
      part: "--cap-add",
    },
    {
      name: "networks nobody made",
      sent: task({ Networks: [{ Target: "red" }] }),
      status: 500,
      message: "network red not found",
    },
    {
      name: "a network named twice",
      sent: task({ Networks: [{ Target: "blue" }, { Target: "blue" }] }),
      status: 400,
      part: "named twice",
    },
    {
      name: "options of an attachment",
      sent: task({ Networks: [{ Target: "blue", DriverOpts: { a: "b" } }] }),
      status: 501,
      part: "driver-opt",
    },
    {
      name: "log drivers other than of files",
      sent: task({ LogDriver: { Name: "syslog" } }),
      status: 501,
      part: "--log-driver",
    },
    {
      name: "two modes",
      sent: { ...WEB, Mode: { Global: {}, GlobalJob: {} } },
      status: 400,
      message: "must specify only one service mode",
    },
    {
      name: "update settings of a job",
      sent: { ...WEB, Mode: { GlobalJob: {} }, UpdateConfig: { Order: "stop-first" } },
      status: 400,
      part: "do not apply to a job",
    },
    {
      name: "a schedule of what is no job",
      sent: { ...WEB, Labels: { "skein.schedule": "@daily" } },
      status: 400,
      part: "needs --mode replicated-job",
    },
    {
      name: "a schedule that is none",
      sent: { ...JOB, Labels: { "skein.schedule": "61 * * * *" } },
      status: 400,
      part: '"61" is no minute',
    },
    {
      name: "udp",
      sent: { ...WEB, EndpointSpec: { Ports: [{ Protocol: "udp", TargetPort: 1 }] } },
      status: 501,
      part: "UDP",
    },
    {
      name: "host mode ports",
      sent: { ...WEB, EndpointSpec: { Ports: [{ PublishMode: "host", TargetPort: 1 }] } },
      status: 501,
      part: "mode=host",
    },
    { name: "a NUL", sent: container({ Args: ["a\0b"] }), status: 400, part: "NUL" },
    {
      name: "too many replicas",
      sent: { ...WEB, Mode: { Replicated: { Replicas: 1e6 } } },
      status: 400,
      part: "10000",
    },
  ];
  for (const row of rows) {
    it(`refuses ${row.name}`, () => {
      const read = readServiceSpec(row.sent, context);
      expect(read.ok).to.equal(false);
      if (read.ok) return;
      expect(read.error.status).to.equal(row.status);
      if ("message" in row) expect(read.error.message).to.equal(row.message);
      else expect(read.error.message).to.include(row.part);
    });
  }

  it("reads every mode, a job's schedule and a health check", () => {
    const modeOf = (sent: object) => {
      const read = readServiceSpec({ ...JOB, ...sent }, context);
      return read.ok ? read.value.spec.mode : read.error.message;
    };
    expect(modeOf({ Mode: { Global: {} } })).to.deep.equal({ kind: "global" });
    expect(modeOf({ Mode: { ReplicatedJob: { MaxConcurrent: 2 } } })).to.deep.equal({
      kind: "replicated-job",
      completions: 2,
      concurrent: 2,
    });
    const Labels = { "skein.schedule": "*/5 * * * *", "skein.schedule.missed": "skip" };
    expect(modeOf({ Mode: { GlobalJob: {} }, Labels })).to.deep.equal({
      kind: "global-job",
      schedule: { cron: "*/5 * * * *", missed: "skip", overlap: "skip" },
    });
    const Healthcheck = { Test: ["CMD-SHELL", "nc -z x 1"], Interval: 2e9, Retries: 5 };
    const read = readServiceSpec(container({ Healthcheck }), context);
    expect(read.ok && read.value.spec.task.process.health).to.deep.equal({
      test: ["/bin/sh", "-c", "nc -z x 1"],
      intervalMs: 2000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      retries: 5,
    });
  });

  it("accepts what asks for nothing: empty DNS settings, no health check, no networks", () => {
    const sent = container({
      DNSConfig: {},
      Healthcheck: { Test: ["NONE"] },
      Mounts: [],
      Privileges: null,
    });
    expect(readServiceSpec(sent, context).ok).to.equal(true);
  });
});
