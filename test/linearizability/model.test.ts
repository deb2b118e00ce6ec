import { expect } from "chai";
import type { Operation } from "./checker.ts";
import { checkHistory } from "./checker.ts";
import type { ConfigAction, Reading, WriteAnswer } from "./model.ts";
import { configModel, describeAction, versionsOf } from "./model.ts";

const at = (value: string, version: number, id = "c1"): Reading => ({ id, value, version });
const read = (found?: Reading): ConfigAction => ({ kind: "read", found });
const create = (value: string, answer: WriteAnswer = "done", id = "c1"): ConfigAction => ({
  kind: "create",
  id,
  value,
  answer,
});
const update = (from: Reading, value: string, answer: WriteAnswer = "done"): ConfigAction => ({
  kind: "update",
  from,
  value,
  answer,
});
const remove = (answer: WriteAnswer = "done", id = "c1"): ConfigAction => ({
  kind: "remove",
  id,
  answer,
});

/** One after the other, but for those that are unknown: they stay open. */
function historyOf(actions: readonly ConfigAction[]): readonly Operation<ConfigAction>[] {
  return actions.map((action, order) => {
    const isOpen = action.kind !== "read" && action.answer === "unknown";
    const returnedAt = isOpen ? Number.POSITIVE_INFINITY : order * 10 + 5;
    return { client: "c", calledAt: order * 10, returnedAt, action };
  });
}

function verdictOf(actions: readonly ConfigAction[]): string {
  const history = historyOf(actions);
  const { versions, fault } = versionsOf(history);
  return fault ?? checkHistory(configModel(versions), history).kind;
}

describe("a config as a register", () => {
  const possible: readonly { name: string; actions: readonly ConfigAction[] }[] = [
    {
      name: "a life",
      actions: [
        read(),
        create("a"),
        read(at("a", 3)),
        update(at("a", 3), "b"),
        read(at("b", 5)),
        remove(),
        read(),
      ],
    },
    { name: "a name is taken", actions: [create("a"), create("b", "name-taken", "c2")] },
    {
      name: "the value was replaced meanwhile",
      actions: [create("a"), update(at("a", 3), "b"), update(at("a", 3), "c", "version-conflict")],
    },
    {
      name: "the config is another one of that name",
      actions: [
        create("a"),
        remove(),
        create("b", "done", "c2"),
        update(at("a", 3), "c", "not-found"),
      ],
    },
    { name: "removed twice", actions: [create("a"), remove(), remove("not-found")] },
    {
      name: "an unknown creation takes effect later",
      actions: [create("a", "unknown"), read(), create("b", "name-taken", "c2"), read(at("a", 7))],
    },
    {
      name: "an unknown update that came too late",
      actions: [create("a"), update(at("a", 3), "b", "unknown"), remove(), read()],
    },
  ];
  for (const { name, actions } of possible) {
    it(`may be: ${name}`, () => expect(verdictOf(actions)).to.equal("linearizable"));
  }

  const impossible: readonly { name: string; actions: readonly ConfigAction[] }[] = [
    { name: "two creations without a removal", actions: [create("a"), create("b", "done", "c2")] },
    { name: "a taken name that nobody took", actions: [create("a", "name-taken")] },
    {
      name: "an update of a value that was replaced",
      actions: [create("a"), update(at("a", 3), "b"), update(at("a", 3), "c")],
    },
    {
      name: "a conflict with nobody",
      actions: [create("a"), update(at("a", 3), "b", "version-conflict")],
    },
    { name: "a removal of nothing", actions: [remove()] },
    { name: "a value of a write that had no effect", actions: [create("a"), read(at("b", 3))] },
    { name: "a lost update", actions: [create("a"), update(at("a", 3), "b"), read(at("a", 3))] },
    {
      name: "a version that goes back",
      actions: [create("a"), read(at("a", 9)), update(at("a", 9), "b"), read(at("b", 4))],
    },
    {
      name: "a version that goes back over a removal",
      actions: [
        create("a"),
        read(at("a", 9)),
        remove(),
        create("b", "done", "c2"),
        read(at("b", 4, "c2")),
      ],
    },
  ];
  for (const { name, actions } of impossible) {
    it(`cannot be: ${name}`, () => expect(verdictOf(actions)).to.equal("violation"));
  }

  it("has one value for a version and one version for a value", () => {
    expect(verdictOf([create("a"), read(at("a", 3)), read(at("a", 4))])).to.equal(
      "a has versions 3 and 4",
    );
    expect(verdictOf([read(at("a", 3)), read(at("b", 3))])).to.equal("a and b have one version, 3");
    const written: ConfigAction = {
      kind: "create",
      id: "c",
      value: "a",
      answer: "done",
      version: 2,
    };
    expect(verdictOf([written, read(at("a", 3))])).to.equal("a has versions 2 and 3");
  });

  it("is printed in one line", () => {
    const actions = [read(), read(at("a", 3)), create("a"), update(at("a", 3), "b"), remove()];
    expect(actions.map(describeAction)).to.deep.equal([
      "read -> nothing",
      "read -> c1 = a at 3",
      "create c1 = a -> done",
      "update c1 = a at 3 = b -> done",
      "remove c1 -> done",
    ]);
  });
});
