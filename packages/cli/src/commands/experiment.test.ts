import { expect } from "chai";
import { cutsBetween, mute } from "../local/control-answers.ts";
import { groupsOf } from "./experiment.ts";

const NODES = ["manager-1", "manager-2", "worker-1"];

describe("groups of a partition", () => {
  const good = [
    { said: ["manager-1", "/", "rest"], groups: [["manager-1"], ["manager-2", "worker-1"]] },
    {
      said: ["manager-1,worker-1", "/", "manager-2"],
      groups: [["manager-1", "worker-1"], ["manager-2"]],
    },
    {
      said: ["manager-1", "worker-1", "/manager-2"],
      groups: [["manager-1", "worker-1"], ["manager-2"]],
    },
  ];
  for (const { said, groups } of good) {
    it(said.join(" "), () =>
      expect(groupsOf(said, NODES)).to.deep.equal({ ok: true, value: groups }),
    );
  }

  const bad = [
    { said: ["manager-1"], why: /two groups/ },
    { said: ["manager-1", "/"], why: /two groups/ },
    { said: ["manager-9", "/", "rest"], why: /no node manager-9/ },
    { said: ["manager-1", "/", "manager-1"], why: /named twice/ },
  ];
  for (const { said, why } of bad) {
    it(`refuses ${said.join(" ")}`, () => {
      const groups = groupsOf(said, NODES);
      expect(groups.ok ? "" : groups.error).to.match(why);
    });
  }

  it("cuts every address of the other groups, both ways", () => {
    const nodes = NODES.map((name, at) => ({
      name,
      role: "manager" as const,
      id: name,
      pids: {},
      address: `127.0.1.${at + 1}`,
      port: 1,
      api: "",
      log: "",
    }));
    const cuts = cutsBetween({ nodes }, [["manager-1"], ["manager-2", "worker-1"]]);
    expect(Object.fromEntries(cuts)).to.deep.equal({
      "manager-1": { addresses: ["127.0.1.2", "127.0.1.3"] },
      "manager-2": { addresses: ["127.0.1.1"] },
      "worker-1": { addresses: ["127.0.1.1"] },
    });
    expect(Object.fromEntries(mute({ nodes }, [["manager-1"], ["worker-1"]]))).to.deep.equal({
      "worker-1": { addresses: [], deafTo: ["127.0.1.1"] },
    });
    expect(cutsBetween({ nodes }, []).size).to.equal(0);
  });
});
