/** Bugs planted into what is between the log and the user: proposals, dispatcher, agent. */
import type { PlantedBug } from "./planted-bug.ts";

const DISPATCHER = "packages/manager/src/dispatcher";
const SHELL = "packages/manager/src/shell";
const AGENT = "packages/worker/src/agent";
const SIMULATOR = { kind: "simulator", seeds: 24 } as const;
const RAFT_SIMULATOR = { kind: "raft simulator", seeds: 40 } as const;
const DISPATCHER_TESTS = {
  kind: "tests",
  files: [`${DISPATCHER}/dispatcher.property.test.ts`, `${DISPATCHER}/dispatcher.test.ts`],
} as const;

export const PROPOSAL_BUGS: readonly PlantedBug[] = [
  {
    name: "an unknown outcome is told as a failure",
    edits: [
      {
        file: `${SHELL}/proposals.ts`,
        from: `const unknown = { code: "outcome-unknown", message } as const;`,
        to: `const unknown = { code: "not-leader", message } as const;`,
      },
    ],
    why: "a client that was told so writes again, and both take effect",
    hunt: RAFT_SIMULATOR,
  },
  {
    name: "a write is told lost as soon as its index is written again",
    edits: [
      {
        file: `${SHELL}/proposals.ts`,
        from: "    waiting.index = index;\n",
        to: `    const former = this.#byIndex.get(index);
    if (former !== undefined) this.#lost(former);
    waiting.index = index;\n`,
      },
    ],
    why: "another member may still hold it, lead later, and commit it",
    hunt: { kind: "tests", files: [`${SHELL}/proposals.test.ts`] },
  },
  {
    name: "whatever is applied at its index answers a write",
    edits: [
      {
        file: `${SHELL}/proposals.ts`,
        from: "    if (waiting.term !== term) this.#lost(token);\n    else this.#answer",
        to: "    this.#answer",
      },
    ],
    why: "a write that another leader's entry has replaced is told as done",
    hunt: SIMULATOR,
  },
  {
    name: "a write is answered when it is appended",
    edits: [
      {
        file: `${SHELL}/proposals.ts`,
        from: "    this.#byIndex.set(index, token);\n",
        to: `    this.#byIndex.set(index, token);
    if (waiting.request !== undefined) {
      this.#answer(token, ok({ index, warnings: [], skipped: [] }));
    }\n`,
      },
    ],
    why: "an acknowledged write is lost with the leader",
    hunt: SIMULATOR,
  },
];

export const DISPATCHER_BUGS: readonly PlantedBug[] = [
  {
    name: "the end of an old session ends the new one",
    edits: [
      {
        file: `${DISPATCHER}/roster.ts`,
        from: "    if (this.#current.get(connection.nodeId) === connection) {\n",
        to: "    if (this.#current.has(connection.nodeId)) {\n",
      },
    ],
    why: "a node that has come back is declared down a moment later",
    hunt: DISPATCHER_TESTS,
  },
  {
    name: "a verdict on an old session hits the new one",
    edits: [
      {
        file: "packages/manager/src/store/apply/set-node-state.ts",
        from: "session !== undefined && session !== node.status.session",
        to: "session !== undefined && node.status.session === undefined",
      },
    ],
    why: "a node that came back between verdict and commit is down although it is there",
    hunt: { kind: "tests", files: ["packages/manager/src/store/apply/nodes-configs.test.ts"] },
  },
  {
    name: "nodes that are down stay in the routes",
    edits: [
      {
        file: `${DISPATCHER}/routes.ts`,
        from: `  if (node?.status.state !== "ready") return [];\n`,
        to: "  if (node === undefined) return [];\n",
      },
    ],
    why: "connections go to a machine that is gone",
    hunt: DISPATCHER_TESTS,
  },
  {
    name: "a status is told stored before it is committed",
    edits: [
      {
        file: `${DISPATCHER}/reporting.ts`,
        from: `{ kind: "report", connection: connection.id, batch });\n`,
        to: `{ kind: "report", connection: connection.id, batch });
      this.#stored(turn, connection, batch);\n`,
      },
    ],
    why: "a worker forgets what the cluster never learned",
    hunt: DISPATCHER_TESTS,
  },
  {
    name: "a new leader waits for nobody",
    edits: [
      {
        file: `${DISPATCHER}/watch.ts`,
        from: "this.#absences.returning(now, id, status.session);",
        to: "void [now, id];",
      },
    ],
    why: "a node that was lost with the former leader stays ready for ever",
    // With gossip's verdict beside it, a cluster as a whole does not show it.
    hunt: { kind: "tests", files: ["packages/manager/src/dispatcher/dispatcher.test.ts"] },
  },
];

export const AGENT_BUGS: readonly PlantedBug[] = [
  {
    name: "an adopted task that is no longer assigned runs on",
    edits: [
      {
        file: `${AGENT}/agent.ts`,
        from: "message.complete ? absentFrom(this.tasks(), message.put) : message.remove;",
        to: "message.remove;",
      },
    ],
    why: "two tasks of one slot run, and one of them for ever",
    hunt: { kind: "tests", files: [`${AGENT}/agent.test.ts`] },
  },
  {
    name: "processes that are found are not adopted",
    edits: [
      {
        file: `${AGENT}/agent.ts`,
        from: "    for (const found of input.found) {\n",
        to: "    for (const found of input.found.slice(0, 0)) {\n",
      },
    ],
    why: "after a restart the agent knows nothing of what runs on its machine",
    hunt: SIMULATOR,
  },
];
