import { readFileSync } from "node:fs";
import type { EngineEvent } from "@skein/common/api/engine-event";
import { eventLine, matchesEvent } from "@skein/common/api/engine-event";
import { logIndex, taskId } from "@skein/common/ids";
import { expect } from "chai";
import type { Change } from "../../store/view.ts";
import { eventOf, eventsOf } from "./event.ts";
import type { LogLine } from "./log-frame.ts";
import { logFrame, parseLogQuery } from "./log-frame.ts";

function fixture(name: string) {
  const url = new URL(`../../../../../test/fixtures/engine-api/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"));
}

interface RecordedStream {
  readonly from: string;
  readonly query: Readonly<Record<string, string>>;
  readonly frames: readonly (readonly [stream: number, payload: string])[];
}

/** No task of these has a slot. */
const NAMES = { reasonOf: () => undefined, nodeName: () => undefined };

describe("log-frame", () => {
  const recorded: readonly RecordedStream[] = fixture("logs");
  for (const { from, query, frames } of recorded) {
    it(`frames lines as dockerd does: ${from}`, () => {
      const parsed = parseLogQuery(new URLSearchParams(query));
      if (!parsed.ok) throw new Error(parsed.error.message);
      for (const [stream, payload] of frames) {
        const { origin, line } = takeApart(stream, payload);
        const frame = Buffer.from(logFrame(line, origin, parsed.value));
        expect([...frame.subarray(0, 4)]).to.deep.equal([stream, 0, 0, 0]);
        expect(frame.readUInt32BE(4)).to.equal(frame.length - 8);
        expect(frame.subarray(8).toString()).to.equal(payload);
      }
    });
  }

  it("ends every line, and escapes what would break the details apart", () => {
    const line: LogLine = {
      kind: "line",
      taskId: taskId("t"),
      stream: "stderr",
      atNs: "1",
      line: Buffer.from("no end"),
    };
    const query = parseLogQuery(new URLSearchParams({ stderr: "1", details: "1" }));
    if (!query.ok) throw new Error(query.error.message);
    const origin = { nodeId: "a b", serviceId: "c,d", taskId: "e=f" };
    expect(
      Buffer.from(logFrame(line, origin, query.value))
        .subarray(8)
        .toString(),
    ).to.equal(
      "com.docker.swarm.node.id=a%20b,com.docker.swarm.service.id=c%2Cd," +
        "com.docker.swarm.task.id=e%3Df no end\n",
    );
  });

  const refused = [
    { query: "", message: "Bad parameters: you must choose at least one stream" },
    { query: "stdout=0", message: "Bad parameters: you must choose at least one stream" },
    { query: "stdout=1&tail=x", message: 'tail value must be a positive integer or "all"' },
    {
      query: "stdout=1&since=soon",
      message: 'invalid value for "since": failed to parse value as time or duration: "soon"',
    },
  ];
  for (const { query, message } of refused) {
    it(`refuses ${query || "no stream"}`, () => {
      const parsed = parseLogQuery(new URLSearchParams(query));
      expect(parsed.ok ? undefined : parsed.error.message).to.equal(message);
    });
  }
});

/** What a recorded payload was made of. */
function takeApart(stream: number, payload: string): { line: LogLine; origin: Origin } {
  const match =
    /^(\S+Z )?(?:\S*node\.id=(\w+),\S*service\.id=(\w+),\S*task\.id=(\w+) )?(.*)$/s.exec(payload);
  const [, time, nodeId = "", serviceId = "", task = "", text = ""] = match ?? [];
  const fraction = /\.(\d{9})Z/.exec(time ?? "")?.[1] ?? "";
  const atNs =
    time === undefined ? "0" : `${Math.floor(Date.parse(time.trim()) / 1000)}${fraction}`;
  return {
    origin: { nodeId, serviceId, taskId: task },
    line: {
      kind: "line",
      taskId: taskId("t"),
      stream: stream === 1 ? "stdout" : "stderr",
      atNs,
      line: Buffer.from(text),
    },
  };
}

interface Origin {
  readonly nodeId: string;
  readonly serviceId: string;
  readonly taskId: string;
}

describe("event", () => {
  interface Recorded {
    readonly Type: "service" | "config" | "node";
    readonly Action: "create" | "update" | "remove";
    readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
    readonly time: number;
    readonly timeNano: number;
  }
  const recorded: readonly Recorded[] = fixture("events");
  for (const sent of recorded) {
    it(`writes what dockerd writes: ${sent.Type} ${sent.Action}`, () => {
      const event: EngineEvent = {
        type: sent.Type,
        action: sent.Action,
        id: sent.Actor.ID,
        attributes: sent.Actor.Attributes,
        at: Math.floor(sent.timeNano / 1e6),
      };
      const line = eventLine(event);
      const { timeNano: _ours, ...written } = JSON.parse(line);
      const { timeNano: _theirs, ...theirs } = sent;
      expect(written).to.deep.equal(theirs);
      // Beyond 2^53: every digit is in the text, though not in a parsed number.
      expect(line).to.include(`"timeNano":${event.at}000000}`);
    });
  }

  const service = (replicas: number, removed?: boolean) => ({
    spec: { name: "web", mode: { kind: "replicated", replicas } },
    updatedAt: 5000,
    ...(removed === true ? { removed } : {}),
  });
  const change = (partial: Partial<Change>): Change => ({
    index: logIndex(1),
    table: "service",
    id: "s1",
    action: "update",
    ...partial,
  });

  it("tells what changed", () => {
    const event = eventOf(change({ before: service(1), after: service(2) }), 9);
    expect(event?.attributes).to.deep.equal({
      name: "web",
      "replicas.new": "2",
      "replicas.old": "1",
    });
    expect(event?.at).to.equal(5000);
  });

  it("tells a removal once: when the user removed it, not when its last task ended", () => {
    const marked = eventOf(change({ before: service(1), after: service(1, true) }), 9);
    expect(marked).to.deep.include({ action: "remove", attributes: { name: "web" } });
    expect(eventOf(change({ action: "remove", before: service(1, true) }), 9)).to.equal(undefined);
  });

  it("keeps tasks and slots to itself", () => {
    for (const table of ["task", "slot", "cluster"] as const) {
      expect(eventOf(change({ table }), 9)).to.equal(undefined);
    }
  });

  it("tells every step of a container, though its report skipped some", () => {
    const task = (state: string, exitCode?: number) => ({
      ...{ id: "t1", nodeId: "n1", serviceId: "s1", serviceName: "web", slot: 1, ports: [] },
      ...{ createdAt: 1, spec: { process: { image: "host", labels: {} } } },
      status: { state, at: 7000, message: "", ...(exitCode === undefined ? {} : { exitCode }) },
    });
    const row = (before: unknown, after: unknown) =>
      eventsOf(change({ table: "task", id: "t1", before, after }), 9, NAMES)
        .filter(({ type }) => type === "container")
        .map(({ action, at }) => [action, at]);
    expect(row(undefined, task("assigned"))).to.deep.equal([]);
    expect(row(task("assigned"), task("running"))).to.deep.equal([
      ["create", 7000],
      ["start", 7000],
    ]);
    expect(row(task("running"), task("failed", 3))).to.deep.equal([["die", 7000]]);
    expect(row(task("running"), task("running"))).to.deep.equal([]);
    expect(row(task("failed", 3), undefined)).to.deep.equal([["destroy", 9]]);
  });

  it("filters by kind, action, object and scope", () => {
    const event = eventOf(change({ before: service(1), after: service(2) }), 9);
    if (event === undefined) throw new Error("no event");
    const rows: readonly (readonly [string, string, boolean])[] = [
      ["type", "service", true],
      ["type", "node", false],
      ["event", "update", true],
      ["service", "web", true],
      ["service", "s1", true],
      ["node", "web", false],
      ["scope", "swarm", true],
      ["scope", "local", false],
      ["container", "web", false],
    ];
    for (const [key, value, expected] of rows) {
      expect(matchesEvent(event, new Map([[key, [value]]])), `${key}=${value}`).to.equal(expected);
    }
  });
});
