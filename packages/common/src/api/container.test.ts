import { expect } from "chai";
import { nodeId, taskId } from "../ids.ts";
import type { TaskStatus } from "../model/task.ts";
import type { ContainerFacts } from "./container.ts";
import { containerId, containerLabels, containerState, hasIdPrefix } from "./container.ts";
import { inspectContainer } from "./container-inspect.ts";
import { containerRow, listContainers } from "./container-list.ts";
import { execIdOf, findByExecId, findContainer } from "./find-container.ts";
import { humanDuration } from "./human-duration.ts";

const NOW = 1_800_000_000_000;

function facts(id: string, rest: Partial<ContainerFacts> = {}): ContainerFacts {
  const process = { image: "host", command: [], args: ["sleep", "9"], env: ["A=1"], labels: {} };
  return {
    taskId: taskId(id),
    serviceId: "svc1",
    serviceName: "web",
    slot: 1,
    nodeId: nodeId("node1"),
    spec: {
      process: { ...process, labels: { tier: "front" } },
      ...{ constraints: [], spread: [], forceUpdate: 0 },
    },
    ports: [{ protocol: "tcp", targetPort: 3000, publishedPort: 8080, mode: "ingress" }],
    status: { state: "running", at: NOW - 5000, message: "started", pid: 42 },
    createdAt: NOW - 6000,
    address: "10.65.0.5",
    ...rest,
  };
}

const ended = (exitCode: number): TaskStatus => ({
  ...{ state: "failed", at: NOW - 2000, message: "started", exitCode },
});

const ROWS = [
  facts("aaa"),
  facts("bbb", { slot: 2, createdAt: NOW - 4000 }),
  facts("ccc", { slot: 2, status: ended(3), createdAt: NOW - 9000 }),
  facts("ddd", {
    status: { state: "rejected", at: NOW, message: "", error: "no such program" },
  }),
];

describe("container", () => {
  it("has an id that depends on the whole of the task's, and looks like Docker's", () => {
    const ids = Array.from({ length: 2000 }, (_, at) => containerId(taskId(`task${at}`)));
    expect(new Set(ids.map((id) => id.slice(0, 12))).size).to.equal(2000);
    expect(ids.every((id) => /^[0-9a-f]{64}$/.test(id))).to.equal(true);
    expect(containerId(taskId("task1"))).to.equal(ids[1]);
    for (const digits of [1, 7, 8, 9, 12, 64]) {
      const prefix = ids[7]?.slice(0, digits) ?? "";
      const matching = ids.filter((_, at) => hasIdPrefix(taskId(`task${at}`), prefix));
      expect(matching).to.deep.equal(ids.filter((id) => id.startsWith(prefix)));
    }
  });

  it("carries Docker's labels, which the user's cannot replace", () => {
    const row = facts("aaa");
    const labels = { ...row.spec.process.labels, "com.docker.swarm.task.id": "forged" };
    const spec = { ...row.spec, process: { ...row.spec.process, labels } };
    expect(containerLabels({ ...row, spec })).to.deep.equal({
      tier: "front",
      "com.docker.swarm.node.id": "node1",
      "com.docker.swarm.service.id": "svc1",
      "com.docker.swarm.service.name": "web",
      "com.docker.swarm.task": "",
      "com.docker.swarm.task.id": "aaa",
      "com.docker.swarm.task.name": "web.1.aaa",
    });
  });

  it("is there from its preparation on, and not when nothing was ever made", () => {
    const at = { at: 0, message: "" };
    expect(containerState({ state: "ready", ...at })).to.equal("created");
    expect(containerState({ state: "shutdown", ...at, exitCode: 143 })).to.equal("exited");
    expect(containerState({ state: "shutdown", ...at })).to.equal(undefined);
    expect(containerState({ state: "pending", ...at })).to.equal(undefined);
  });
});

describe("find-container", () => {
  const found = (reference: string): string => {
    const row = findContainer(ROWS, reference);
    return row.ok ? row.value.taskId : `${row.error.status} ${row.error.message}`;
  };

  it("goes by id, name, slot and prefix", () => {
    const id = containerId(taskId("bbb"));
    expect(found(id)).to.equal("bbb");
    expect(found(id.slice(0, 12))).to.equal("bbb");
    expect(found("web.2.ccc")).to.equal("ccc");
    expect(found("/web.2.ccc")).to.equal("ccc");
    expect(found("web.2")).to.equal("bbb");
  });

  it("refuses what is not there, and what may be several", () => {
    expect(found("nosuch")).to.equal("404 No such container: nosuch");
    expect(found("")).to.match(/^404/);
    const rows = Array.from({ length: 40 }, (_, at) => facts(`t${at}`, { slot: 100 + at }));
    const digit = containerId(taskId("t0")).slice(0, 1);
    const several = findContainer(rows, digit);
    expect(several.ok ? "" : several.error.message).to.equal(
      `multiple IDs found with provided prefix: ${digit}`,
    );
  });

  it("finds the container of an exec by the exec's id", () => {
    const id = execIdOf(taskId("ccc"), "0".repeat(32));
    expect(findByExecId(ROWS, id)?.taskId).to.equal("ccc");
    expect(findByExecId(ROWS, id.slice(0, 40))).to.equal(undefined);
  });
});

describe("container-list", () => {
  const shown = (query: Readonly<Record<string, string>>): unknown => {
    const rows = listContainers(ROWS, new URLSearchParams(query));
    if (!rows.ok) return `${rows.error.status} ${rows.error.message}`;
    return rows.value.map((row) => row.taskId);
  };
  const filter = (key: string, ...values: string[]) => ({
    filters: JSON.stringify({ [key]: values }),
  });
  const rows = [
    { name: "running ones, the newest first", query: {}, want: ["bbb", "aaa"] },
    { name: "all of them", query: { all: "1" }, want: ["bbb", "aaa", "ccc"] },
    { name: "the last one", query: { limit: "1" }, want: ["bbb"] },
    { name: "by exit code", query: filter("exited", "3"), want: ["ccc"] },
    { name: "by state", query: filter("status", "exited", "running"), want: ["bbb", "aaa", "ccc"] },
    { name: "by name", query: filter("name", "web.2"), want: ["bbb"] },
    { name: "by a whole name", query: filter("name", "^/web.1.aaa$"), want: ["aaa"] },
    { name: "by label", query: filter("label", "com.docker.swarm.task.id=aaa"), want: ["aaa"] },
    { name: "before another", query: filter("before", "web.1.aaa"), want: ["ccc"] },
    { name: "since another", query: filter("since", "web.1.aaa"), want: ["bbb"] },
    { name: "by exposed port", query: filter("expose", "3000/tcp"), want: ["bbb", "aaa"] },
    { name: "by another port", query: filter("expose", "80"), want: [] },
    { name: "by image", query: filter("ancestor", "nginx"), want: [] },
    {
      name: "refuses a state that is none",
      query: filter("status", "foo"),
      want: "400 invalid filter 'status=foo'",
    },
    { name: "refuses a key", query: filter("foo", "x"), want: "400 Invalid filter 'foo'" },
  ];
  for (const { name, query, want } of rows) {
    it(`shows ${name}`, () => {
      expect(shown(query as Record<string, string>)).to.deep.equal(want);
    });
  }

  it("says how long, in Docker's words", () => {
    const context = { now: NOW, networkId: "", withSize: false };
    const all = listContainers(ROWS, new URLSearchParams({ all: "1" }));
    const rows = all.ok ? all.value.map((row) => containerRow(row, context)) : [];
    const texts = rows.map((row) => (row as { Status: string }).Status);
    expect(texts).to.deep.equal(["Up 5 seconds", "Up 5 seconds", "Exited (3) 2 seconds ago"]);
  });
});

describe("container-inspect", () => {
  it("tells a task that ended from one that runs", () => {
    const context = { networkId: "", logPath: "", execIds: [], withSize: false };
    const running = inspectContainer(facts("aaa"), context);
    expect(running).to.have.nested.property("State.Pid", 42);
    expect(running).to.have.nested.property("State.FinishedAt", "0001-01-01T00:00:00Z");
    const over = inspectContainer(facts("aaa", { status: ended(7) }), context);
    expect(over).to.have.nested.property("State.Status", "exited");
    expect(over).to.have.nested.property("State.ExitCode", 7);
    expect(over).to.have.nested.property("Path", "sleep");
  });
});

describe("human-duration", () => {
  const S = 1000;
  const rows: readonly (readonly [number, string])[] = [
    [450, "Less than a second"],
    [S, "1 second"],
    [59 * S, "59 seconds"],
    [61 * S, "About a minute"],
    [10 * 60 * S, "10 minutes"],
    [60 * 60 * S, "About an hour"],
    [26 * 3600 * S, "26 hours"],
    [3 * 86_400 * S, "3 days"],
    [21 * 86_400 * S, "3 weeks"],
    [90 * 86_400 * S, "3 months"],
    [800 * 86_400 * S, "2 years"],
  ];
  for (const [duration, text] of rows) {
    it(text, () => expect(humanDuration(duration)).to.equal(text));
  }
});
