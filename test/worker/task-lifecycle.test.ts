/** docs/design/task-lifecycle.md shows the table that the code obeys. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TaskState, TransitionOwner } from "@skein/common/model/task-state";
import { isTerminal, TASK_STATES, TRANSITIONS } from "@skein/common/model/task-state";
import { expect } from "chai";

const PAGE = fileURLToPath(new URL("../../docs/design/task-lifecycle.md", import.meta.url));

// The keys are the states: `Object.keys` forgets it.
const STATES = Object.keys(TASK_STATES) as TaskState[];

function rows(): readonly string[] {
  const head = ["| State | Number | May become |", "| --- | --- | --- |"];
  return [
    ...head,
    ...STATES.map((state) => `| ${state} | ${TASK_STATES[state]} | ${next(state)} |`),
  ];
}

function next(from: TaskState): string {
  const byOwner = new Map<TransitionOwner, TaskState[]>();
  for (const edge of TRANSITIONS) {
    if (edge.from !== from) continue;
    byOwner.set(edge.owner, [...(byOwner.get(edge.owner) ?? []), edge.to]);
  }
  const parts = [...byOwner].map(([owner, states]) => `${states.join(", ")} (${owner})`);
  return parts.length === 0 ? "nothing" : parts.join("; ");
}

describe("the life of a task", () => {
  it("is documented as the code has it", () => {
    const page = readFileSync(PAGE, "utf8").split("\n");
    const first = page.indexOf(rows()[0] ?? "");
    expect(page.slice(first, first + rows().length)).to.deep.equal(rows());
  });

  it("only goes forward, and ends", () => {
    for (const { from, to } of TRANSITIONS) {
      expect(TASK_STATES[to], `${from} -> ${to}`).to.be.above(TASK_STATES[from]);
      expect(isTerminal(from), from).to.equal(false);
    }
  });

  it("has one owner for each edge", () => {
    const edges = TRANSITIONS.map((edge) => `${edge.from} -> ${edge.to}`);
    expect(edges).to.deep.equal([...new Set(edges)]);
  });

  it("reaches every state but the one that is only desired", () => {
    const reached = new Set(TRANSITIONS.map((edge) => edge.to));
    const never = STATES.filter((state) => !reached.has(state));
    expect(never).to.deep.equal(["new", "remove"]);
  });
});
