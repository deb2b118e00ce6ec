/** Managers come, go, lose their logs and are lost for good. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalNode } from "../support/local-cluster.ts";
import { timeUntil } from "../support/wait.ts";
import { figure, useCluster } from "./support/suite.ts";
import { Writes } from "./support/writes.ts";

describe("managers change", function managersChange() {
  this.timeout(120_000);
  const cluster = useCluster(4, 1);
  const managers = () => cluster().managers();

  const voters = async (node: LocalNode): Promise<number> => {
    const { body } = await cluster().ask("GET /skein/v1/status", { node });
    return numberAt(body, "quorum", "voters");
  };

  it("two of four stopped: every change is refused, with the count and the missing", async () => {
    const [first, second, ...lost] = managers();
    if (first === undefined || second === undefined) throw new Error("too few managers");
    for (const { name } of lost) await cluster().skein("kill", name);
    await timeUntil(10_000, "the quorum loss is known", async () => {
      const { body } = await cluster().ask("GET /skein/v1/status", { node: first });
      const [problem] = listAt(body, "problems");
      return /no leader: changes wait until 3 of 4 managers answer; missing: /.test(
        textAt(problem, "problem"),
      );
    });
    const answer = await cluster().writeConfig("two-of-four", first);
    expect(answer.status).to.not.equal(201);
    const told = await cluster().skein("doctor").catch(String);
    expect(told).to.contain("2 of 4 managers in contact, 3 are needed: no leader");
    for (const { name } of lost) {
      expect(told).to.contain(`manager ${name}: its process does not run`);
      await cluster().skein("start", name);
    }
    const writes = new Writes(cluster(), "back");
    await timeUntil(15_000, "a write after the restart", () => writes.one());
    await writes.stop();
  });

  it("a demoted manager leaves, and no demotion may cost the majority", async () => {
    const [first, second, third, fourth] = managers();
    if (first === undefined || fourth === undefined) throw new Error("too few managers");
    await cluster().skein("node", "demote", fourth.name);
    await timeUntil(15_000, "3 voters", async () => (await voters(first)) === 3);
    await cluster().skein("kill", third?.name ?? "");
    await timeUntil(15_000, "refused", async () => {
      const refused = await cluster()
        .skein("node", "demote", second?.name ?? "")
        .then(String, String);
      return /would result in a loss of quorum: 1 of the 2 managers left would answer/.test(
        refused,
      );
    });
    await cluster().skein("start", third?.name ?? "");
  });

  it("a manager whose log was deleted comes back as a new member", async () => {
    const [first, , third] = managers();
    if (first === undefined || third === undefined) throw new Error("too few managers");
    await cluster().skein("kill", third.name);
    rmSync(join(cluster().stateDir, third.name, "manager"), { recursive: true });
    const since = performance.now();
    await cluster().skein("start", third.name);
    await timeUntil(20_000, "it votes again", async () => {
      const { body } = await cluster().ask("GET /skein/v1/status", { node: first });
      const members = listAt(body, "members").filter((one) => textAt(one, "nodeId") === third.id);
      const [member] = members;
      const states = members.length === 1 && Object(member).voter === true;
      return states && Object(member).answers === true && numberAt(body, "quorum", "voters") === 3;
    });
    figure("log deleted, started -> a voter again", `${Math.round(performance.now() - since)} ms`);
  });
});
