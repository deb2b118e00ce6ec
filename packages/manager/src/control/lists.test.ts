import { serviceId } from "@skein/common/ids";
import { expect } from "chai";
import { parseFilters } from "./filters.ts";
import { listConfigs } from "./list-configs.ts";
import { listNetworks } from "./list-networks.ts";
import { listNodes } from "./list-nodes.ts";
import { countTasks, listServices } from "./list-services.ts";
import { listTasks, TASK_FILTERS } from "./list-tasks.ts";
import { findProblems } from "./problems.ts";
import { resolveNode, resolveService, resolveTask } from "./resolve.ts";
import { scene } from "./scene.test.ts";

const { view } = scene();
const ids = (rows: readonly { readonly id: string }[]): readonly string[] =>
  rows.map((row) => row.id);

describe("filters", () => {
  const all = ["name", "label", "id"];

  it("reads both encodings", () => {
    const listed = parseFilters('{"name":["a","b"]}', all);
    const mapped = parseFilters('{"name":{"a":true,"b":true}}', all);
    expect(listed).to.deep.equal(mapped);
    expect(listed.ok && listed.value.get("name")).to.deep.equal(["a", "b"]);
  });

  for (const none of [undefined, "", "{}", "null"]) {
    it(`takes ${none} for no filter`, () => {
      const parsed = parseFilters(none, all);
      expect(parsed.ok && parsed.value.size).to.equal(0);
    });
  }

  const refused = [
    { text: '{"foo":["x"]}', message: "Invalid filter 'foo'" },
    { text: "notjson", message: "invalid character 'o' in literal null (expecting 'u')" },
    { text: "[]", message: "invalid filters: expected a JSON object" },
    { text: '{"name":"x"}', message: "invalid filter 'name': expected strings" },
    { text: '{"name":[1]}', message: "invalid filter 'name': expected strings" },
  ];
  for (const { text, message } of refused) {
    it(`refuses ${text}`, () => {
      const parsed = parseFilters(text, all);
      expect(parsed.ok ? undefined : [parsed.error.status, parsed.error.message]).to.deep.equal([
        400,
        message,
      ]);
    });
  }
});

describe("lists", () => {
  const services = [
    { filters: {}, found: ["api1", "web1"] },
    { filters: { name: ["we"] }, found: ["web1"] },
    { filters: { name: ["web", "api"] }, found: ["api1", "web1"] },
    { filters: { id: ["ap"] }, found: ["api1"] },
    { filters: { label: ["tier"] }, found: ["api1", "web1"] },
    { filters: { label: ["tier=front"] }, found: ["web1"] },
    { filters: { label: ["tier=front", "none"] }, found: [] },
    { filters: { mode: ["replicated"] }, found: ["api1", "web1"] },
    { filters: { mode: ["global"] }, found: [] },
  ];
  for (const { filters, found } of services) {
    it(`services ${JSON.stringify(filters)}`, () => {
      const listed = listServices(view, new Map(Object.entries(filters)));
      expect(listed.ok && ids(listed.value)).to.deep.equal(found);
    });
  }

  const tasks = [
    { filters: {}, found: ["t1", "t2", "t3", "t4"] },
    { filters: { service: ["web"] }, found: ["t1", "t2", "t3"] },
    { filters: { service: ["web1"], "desired-state": ["running"] }, found: ["t2", "t3"] },
    { filters: { node: ["worker-1"] }, found: ["t1", "t2"] },
    { filters: { service: ["web"], "_up-to-date": ["true"] }, found: ["t2", "t3"] },
    { filters: { service: ["web"], "_up-to-date": ["false"] }, found: ["t1"] },
    { filters: { name: ["web.2"] }, found: ["t3"] },
    { filters: { label: ["tier=back"] }, found: ["t4"] },
  ];
  for (const { filters, found } of tasks) {
    it(`tasks ${JSON.stringify(filters)}`, () => {
      const parsed = parseFilters(JSON.stringify(filters), TASK_FILTERS);
      const listed = parsed.ok ? listTasks(view, parsed.value) : parsed;
      expect(listed.ok && ids(listed.value)).to.deep.equal(found);
    });
  }

  const wrong = [
    { list: () => listTasks(view, new Map([["desired-state", ["walking"]]])), status: 500 },
    { list: () => listTasks(view, new Map([["service", ["nosuch"]]])), status: 404 },
    { list: () => listTasks(view, new Map([["node", ["nosuch"]]])), status: 404 },
    { list: () => listNodes(view, new Map([["role", ["boss"]]])), status: 500 },
    { list: () => listNodes(view, new Map([["membership", ["x"]]])), status: 500 },
    { list: () => listServices(view, new Map([["mode", ["x"]]])), status: 500 },
  ];
  for (const [index, { list, status }] of wrong.entries()) {
    it(`refuses what no row could have: ${index}`, () => {
      const listed = list();
      expect(listed.ok ? undefined : listed.error.status).to.equal(status);
    });
  }

  it("nodes, configs and the one network", () => {
    const named = (filters: Record<string, string[]>) => {
      const listed = listNodes(view, new Map(Object.entries(filters)));
      return listed.ok && ids(listed.value);
    };
    expect(named({ role: ["worker"] })).to.deep.equal(["w1", "w2"]);
    expect(named({ name: ["worker-2"] })).to.deep.equal(["w2"]);
    expect(named({ "node.label": ["zone=a"] })).to.deep.equal(["w1"]);
    expect(named({ label: ["zone=a"] })).to.deep.equal([]);
    const configs = listConfigs(view, new Map([["name", ["c"]]]));
    expect(configs.ok && configs.value).to.have.length(1);
    expect(listNetworks(view, new Map([["driver", ["overlay"]]]))).to.have.length(1);
    expect(listNetworks(view, new Map([["scope", ["local"]]]))).to.have.length(3);
  });

  it("counts the tasks that are wanted and run", () => {
    const web = view.services.get(serviceId("web1"));
    if (web === undefined) throw new Error("no service");
    expect(countTasks(view, web)).to.deep.equal({ running: 1, desired: 2, completed: 0 });
  });
});

describe("resolve", () => {
  const found = [
    { what: "full id", row: () => resolveService(view, "web1"), id: "web1" },
    { what: "name", row: () => resolveService(view, "web"), id: "web1" },
    { what: "beginning of an id", row: () => resolveService(view, "ap"), id: "api1" },
    { what: "node name", row: () => resolveNode(view, "worker-2"), id: "w2" },
    { what: "task id", row: () => resolveTask(view, "t3"), id: "t3" },
  ];
  for (const { what, row, id } of found) {
    it(`finds by ${what}`, () => {
      const resolved = row();
      expect(resolved.ok && resolved.value.id).to.equal(id);
    });
  }

  const missing = [
    { row: () => resolveService(view, "nosuch"), error: [404, "service nosuch not found"] },
    { row: () => resolveService(view, ""), error: [404, "service  not found"] },
    { row: () => resolveService(view, "gone"), error: [404, "service gone not found"] },
    { row: () => resolveNode(view, "w"), error: [400, "node w is ambiguous (2 matches found)"] },
  ];
  for (const { row, error } of missing) {
    it(`says ${error.join(" ")}`, () => {
      const resolved = row();
      expect(
        resolved.ok ? undefined : [resolved.error.status, resolved.error.message],
      ).to.deep.equal(error);
    });
  }
});

describe("problems", () => {
  const healthy = {
    role: "leader",
    term: 1,
    leader: { nodeId: "m1", address: "" },
    reachable: new Map([["m1", true]]),
    quorum: { voters: 1, contact: 1 },
    commit: 1,
    applied: 1,
  };

  it("names every object, what is wrong with it and what to do", () => {
    const problems = findProblems({ view, raft: healthy });
    expect(problems.map(({ object, problem }) => `${object}: ${problem}`)).to.deep.equal([
      "node worker-2: down: worker process ended",
      "service api: api.1 is pending: no suitable node (1 node not available)",
      "service web: web.2 listens on 0.0.0.0:8000, not on 10.65.0.5:3000",
    ]);
    for (const { remedy } of problems) expect(remedy).not.to.equal("");
  });

  it("puts a lost quorum first", () => {
    const { leader: _leader, ...leaderless } = healthy;
    const raft = {
      ...leaderless,
      reachable: new Map([["m1", false]]),
      quorum: { voters: 3, contact: 1 },
    };
    expect(findProblems({ view, raft })[0]).to.deep.equal({
      object: "cluster",
      problem: "no leader: changes wait until 2 of 3 managers answer",
      remedy: "start manager-1",
    });
    const members = [
      {
        raftId: "r1",
        nodeId: "m1",
        address: "127.0.1.1:2377",
        voter: true,
        answers: false,
        silentMs: 12_300,
      },
      { raftId: "r9", nodeId: "m9", address: "127.0.1.9:2377", voter: false, answers: false },
    ];
    expect(findProblems({ view, raft: { ...raft, members } })[0]).to.deep.equal({
      object: "cluster",
      problem:
        "no leader: changes wait until 2 of 3 managers answer; " +
        "missing: manager-1 (127.0.1.1:2377) for 12 s",
      remedy:
        "start manager-1; if a majority is gone for good: skein force-new-cluster on a survivor",
    });
    const weak = {
      ...healthy,
      reachable: new Map([["m1", false]]),
      quorum: { voters: 3, contact: 2 },
    };
    expect(findProblems({ view, raft: weak })[0]?.problem).to.equal(
      "2 of 3 managers answer (not: manager-1): 0 more may fail",
    );
  });
});
