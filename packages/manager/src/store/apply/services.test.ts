import { serviceId, taskId } from "@skein/common/ids";
import type { UpdateStatus } from "@skein/common/model/service";
import { expect } from "chai";
import type { Bench } from "../testing.ts";
import {
  assign,
  createCluster,
  createService,
  fillSlots,
  port,
  report,
  serviceSpec,
  setDesired,
  updateService,
} from "../testing.ts";

const web = serviceId("web");
const rollback = (version: number) => ({
  ...updateService("web", version, serviceSpec("web")),
  rollback: true,
});
const remove = { kind: "remove-service", serviceId: web } as const;
const forget = { kind: "forget-service", serviceId: web } as const;

function row({ store }: Bench, id = "web") {
  return store.view.services.get(serviceId(id));
}

function version(bench: Bench): number {
  return row(bench)?.version ?? 0;
}

describe("create-service", () => {
  it("writes a row with all its versions at the log index", () => {
    const bench = createCluster();
    expect(bench.run(createService("web"))).to.deep.equal({
      ok: true,
      value: { id: "web", warnings: [], skipped: [] },
    });
    expect(row(bench)).to.deep.include({ version: 3, specIndex: 3, taskIndex: 3, createdAt: 1003 });
    expect(bench.store.view.serviceByName("web")?.id).to.equal("web");
  });

  it("refuses a name that is taken", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    expect(bench.say(createService("other", serviceSpec("web")))).to.equal(
      "service-name-taken: name conflicts with an existing object: service web already exists",
    );
  });

  it("refuses an id that is taken", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    expect(bench.say(createService("web", serviceSpec("b")))).to.match(/^service-name-taken/);
  });
});

describe("published ports", () => {
  const withPorts = (name: string, ...ports: ReturnType<typeof port>[]) =>
    createService(name, serviceSpec(name, { ports }));
  const published = (bench: Bench, id: string) =>
    row(bench, id)?.ports.map(({ publishedPort }) => publishedPort);

  it("are assigned lowest first, behind those a user named", () => {
    const bench = createCluster();
    bench.run(withPorts("a", port(0, 1), port(30_000, 2), port(0, 3)));
    expect(published(bench, "a")).to.deep.equal([30_001, 30_000, 30_002]);
    bench.run(withPorts("b", port(0)));
    expect(published(bench, "b")).to.deep.equal([30_003]);
    bench.run({ kind: "remove-service", serviceId: serviceId("a") });
    bench.run(withPorts("c", port(0)));
    expect(published(bench, "c")).to.deep.equal([30_000]);
  });

  it("conflict with the service that has them", () => {
    const bench = createCluster();
    bench.run(withPorts("web", port(8080)));
    expect(bench.say(withPorts("b", port(8080)))).to.equal(
      "port-taken: port '8080' is already in use by service 'web' (web) as an ingress port",
    );
    expect(bench.say(withPorts("b", { ...port(8080), mode: "host" }))).to.match(/ingress port$/);
    expect(bench.say(withPorts("b", { ...port(8080), protocol: "udp" }))).to.equal("accepted");
  });

  it("in host mode are shared between services, but not with ingress", () => {
    const bench = createCluster();
    const host = { ...port(9000), mode: "host" } as const;
    bench.run(withPorts("a", host));
    expect(bench.say(withPorts("b", host))).to.equal("accepted");
    expect(bench.say(withPorts("c", port(9000)))).to.equal(
      "port-taken: port '9000' is already in use by service 'a' (a) as a host-published port",
    );
  });

  it("may not be named twice", () => {
    const bench = createCluster();
    expect(bench.say(withPorts("a", port(80, 1), port(80, 2)))).to.match(
      /duplicate published ports/,
    );
  });

  it("stay with a service that still leaves the choice open", () => {
    const bench = createCluster();
    bench.run(withPorts("a", port(0)));
    bench.run(withPorts("web", port(0)));
    bench.run({ kind: "remove-service", serviceId: serviceId("a") });
    const spec = serviceSpec("web", { ports: [port(0)], labels: { a: "b" } });
    expect(bench.say(updateService("web", version(bench), spec))).to.equal("accepted");
    expect(published(bench, "web")).to.deep.equal([30_001]);
  });

  it("run out with a reason", () => {
    const bench = createCluster();
    const all = Array.from({ length: 2768 }, (_, at) => port(30_000 + at));
    bench.run(withPorts("all", ...all));
    expect(bench.say(withPorts("b", port(0)))).to.match(
      /^ports-exhausted: no free tcp port in 30000-/,
    );
  });
});

describe("update-service", () => {
  const base = serviceSpec("web");
  const cases = [
    { name: "a label", spec: { ...base, labels: { a: "b" } }, isDirty: false },
    {
      name: "more replicas",
      spec: { ...base, mode: { kind: "replicated", replicas: 9 } as const },
      isDirty: false,
    },
    {
      name: "constraints",
      spec: { ...base, task: { ...base.task, constraints: ["node.role==worker"] } },
      isDirty: false,
    },
    {
      name: "spread",
      spec: { ...base, task: { ...base.task, spread: ["node.labels.zone"] } },
      isDirty: false,
    },
    {
      name: "a forced update",
      spec: { ...base, task: { ...base.task, forceUpdate: 1 } },
      isDirty: true,
    },
    { name: "ports", spec: { ...base, ports: [port(8080)] }, isDirty: true },
    {
      name: "an argument",
      spec: { ...base, task: { ...base.task, process: { ...base.task.process, args: ["x"] } } },
      isDirty: true,
    },
  ];
  for (const { name, spec, isDirty } of cases) {
    it(`${name}: tasks are ${isDirty ? "" : "not "}of another version`, () => {
      const bench = createCluster();
      bench.run(createService("web", base));
      expect(bench.say(updateService("web", 3, spec))).to.equal("accepted");
      expect(row(bench)).to.deep.include({
        version: 4,
        specIndex: 4,
        taskIndex: isDirty ? 4 : 3,
        previousSpec: base,
        spec,
      });
    });
  }

  it("clears the status of the update before", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    bench.run({
      kind: "set-update-status",
      serviceId: web,
      specIndex: 3,
      status: { state: "paused", startedAt: 0, message: "stuck" },
      rollback: false,
    });
    expect(row(bench)?.updateStatus).to.deep.equal({
      state: "paused",
      startedAt: 1004,
      message: "stuck",
    });
    bench.run(updateService("web", version(bench), base));
    expect(row(bench)).not.to.have.property("updateStatus");
  });

  const stale = "version-conflict: update out of sequence";
  const versions = [
    { name: "the spec's", read: 3, says: "accepted" },
    { name: "a later status write's", read: 4, says: "accepted" },
    { name: "one before the spec's", read: 2, says: stale },
    { name: "one that nobody can have read", read: 5, says: stale },
  ];
  for (const { name, read, says } of versions) {
    it(`with ${name} version: ${says}`, () => {
      const bench = createCluster();
      bench.run(createService("web"));
      const status: UpdateStatus = { state: "updating", startedAt: 0, message: "" };
      bench.run({
        kind: "set-update-status",
        serviceId: web,
        specIndex: 3,
        status,
        rollback: false,
      });
      expect(bench.say(updateService("web", read, base))).to.equal(says);
    });
  }

  it("refuses another name, and a service that is not there or removed", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    expect(bench.say(updateService("web", 3, serviceSpec("www")))).to.equal(
      "spec-immutable: renaming services is not supported",
    );
    expect(bench.say(updateService("x", 3, base))).to.equal(
      "service-not-found: service x not found",
    );
    bench.run(remove);
    expect(bench.say(updateService("web", 3, base))).to.match(/^service-not-found/);
  });

  it("refuses a port of another service and changes nothing", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    bench.run(createService("b", serviceSpec("b", { ports: [port(80)] })));
    const before = row(bench);
    const spec = serviceSpec("web", { ports: [port(80)] });
    expect(bench.say(updateService("web", 3, spec))).to.match(/^port-taken/);
    expect(row(bench)).to.equal(before);
  });

  it("rolls back by swapping, and back again", () => {
    const bench = createCluster();
    bench.run(createService("web", base));
    expect(bench.say(rollback(3))).to.equal(
      "service-no-previous-spec: service web does not have a previous spec",
    );
    const next = { ...base, task: { ...base.task, forceUpdate: 7 } };
    bench.run(updateService("web", 3, next));
    bench.run(rollback(version(bench)));
    expect(row(bench)).to.deep.include({ spec: base, previousSpec: next, taskIndex: 6 });
    expect(row(bench)?.updateStatus).to.deep.equal({
      state: "rollback_started",
      startedAt: 1006,
      message: "manually requested rollback",
    });
    bench.run(rollback(version(bench)));
    expect(row(bench)).to.deep.include({ spec: next, previousSpec: base });
  });
});

describe("set-update-status", () => {
  const status: UpdateStatus = { state: "rollback_started", startedAt: 5, message: "why" };
  const command = (specIndex: number, isRollback: boolean) =>
    ({
      kind: "set-update-status",
      serviceId: web,
      specIndex,
      status,
      rollback: isRollback,
    }) as const;

  it("is a no-op when the spec moved on, and when it says what is said", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    expect(bench.say(command(2, false))).to.equal("accepted; web: spec has changed");
    expect(bench.say(command(3, false))).to.equal("accepted");
    expect(bench.say(command(3, false))).to.equal("accepted; web: unchanged");
    expect(row(bench)).to.deep.include({ version: 5, specIndex: 3, updateStatus: status });
  });

  it("rolls back with the supervisor's words", () => {
    const bench = createCluster();
    bench.run(createService("web"));
    expect(bench.say(command(3, true))).to.match(/^service-no-previous-spec/);
    bench.run(updateService("web", 3, serviceSpec("web", { labels: { v: "2" } })));
    expect(bench.say(command(5, true))).to.equal("accepted");
    expect(row(bench)).to.deep.include({ updateStatus: status, specIndex: 6 });
    expect(row(bench)?.spec.labels).to.deep.equal({});
  });
});

describe("remove-service and forget-service", () => {
  function running(): Bench {
    const bench = createCluster();
    bench.run(createService("web", serviceSpec("web", { ports: [port(8080)] })));
    bench.run(fillSlots(bench.store, "web", { 1: "t1", 2: "t2", 3: "t3" }));
    bench.run(assign("t1", "n1"));
    bench.run(report("t1", "n1", "running"));
    bench.run(assign("t3", "n1"));
    bench.run(report("t3", "n1", "failed"));
    return bench;
  }

  it("frees name and port at once, and keeps what still runs", () => {
    const bench = running();
    expect(bench.say(remove)).to.equal("accepted");
    expect(bench.say(remove)).to.match(/^service-not-found/);
    const { view } = bench.store;
    expect(view.slotsOfService(web)).to.deep.equal([]);
    // t2 was never given to a node and t3 has ended: nobody would report on them.
    expect(view.tasksOfService(web).map(({ id, desired }) => `${id} ${desired}`)).to.deep.equal([
      "t1 remove",
    ]);
    const again = createService("web2", serviceSpec("web", { ports: [port(8080)] }));
    expect(bench.say(again)).to.equal("accepted");
    expect(view.serviceByName("web")?.id).to.equal("web2");
  });

  it("deletes the last task in the step in which it ends", () => {
    const bench = running();
    bench.run(remove);
    expect(bench.say(forget)).to.equal("accepted; web: tasks are left");
    bench.run(report("t1", "n1", "shutdown"));
    expect(bench.store.view.tasks.get(taskId("t1"))).to.equal(undefined);
    expect(bench.say(forget)).to.equal("accepted");
    expect(row(bench)).to.equal(undefined);
    expect(bench.say(forget)).to.equal("accepted; web: service is gone");
  });

  it("does not forget a service nobody removed", () => {
    const bench = running();
    expect(bench.say(forget)).to.equal("accepted; web: service is not removed");
  });

  it("leaves an ended task of a living service to the reaper", () => {
    const bench = running();
    bench.run(setDesired("t3", "remove"));
    expect(bench.store.view.tasks.get(taskId("t3"))?.desired).to.equal("remove");
  });
});
