/**
 * Links that work one way only (R14, and R13's half-connected managers): who cannot be heard, or
 * cannot hear, is replaced if it leads and disturbs nobody if it follows; elections come to an end.
 */
import { at, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalCluster, LocalNode } from "../support/local-cluster.ts";
import { pause, until } from "../support/wait.ts";
import { figure, useCluster } from "./support/suite.ts";

/** Some elections, on a machine that has other work. */
const REPLACED_MS = 20_000;
/** Several election timeouts: a follower that cannot hear has campaigned in vain by then. */
const LOOKED_ON_MS = 4000;

describe("links that work one way", function oneWay() {
  this.timeout(90_000);
  const cluster = useCluster(3, 0);

  afterEach("heal", async () => {
    await cluster().skein("heal");
    await until(REPLACED_MS, "one leader, whom all hear", async () => {
      const views = await Promise.all(
        cluster()
          .managers()
          .map((node) => viewOf(cluster(), node)),
      );
      return new Set(views.map(({ leader, term }) => `${leader} in ${term}`)).size === 1;
    });
  });

  it("a leader that is not heard is replaced, and follows", async () => {
    const leader = await cluster().leader();
    const since = performance.now();
    await cluster().skein("partition", leader.name, "/", "rest", "--one-way");
    await replaced(cluster(), leader);
    figure("leader not heard -> write accepted by the others", ms(since));
    await settled(cluster(), leader);
  });

  it("a leader that hears nobody is replaced", async () => {
    const leader = await cluster().leader();
    const since = performance.now();
    await cluster().skein("partition", "rest", "/", leader.name, "--one-way");
    await replaced(cluster(), leader);
    figure("leader that hears nobody -> write accepted by the others", ms(since));
    await settled(cluster(), leader);
  });

  it("a follower that is not heard, or hears nobody, deposes no one", async () => {
    for (const muted of [true, false]) {
      const leader = await cluster().leader();
      const before = await viewOf(cluster(), leader);
      const follower = others(cluster(), leader)[0]?.name ?? "";
      const groups = muted ? [follower, "/", "rest"] : ["rest", "/", follower];
      await cluster().skein("partition", ...groups, "--one-way");
      await pause(LOOKED_ON_MS);
      expect((await cluster().writeConfig(`beside-${muted}`, leader)).status).to.equal(201);
      await cluster().skein("heal");
      await pause(LOOKED_ON_MS / 2);
      expect(await viewOf(cluster(), leader)).to.deep.equal(before);
    }
  });
});

interface View {
  readonly leader: string;
  readonly term: number;
}

async function viewOf(cluster: LocalCluster, node: LocalNode): Promise<View> {
  const { body } = await cluster.ask("GET /skein/v1/status", { node });
  const leader = at(body, "leader") === null ? "nobody" : textAt(body, "leader", "name");
  return { leader, term: numberAt(body, "term") };
}

function others(cluster: LocalCluster, than: LocalNode): readonly LocalNode[] {
  return cluster.managers().filter((node) => node.id !== than.id);
}

async function replaced(cluster: LocalCluster, leader: LocalNode): Promise<void> {
  const [other] = others(cluster, leader);
  let written = 0;
  await until(REPLACED_MS, "another leads, and writes", async () => {
    if (other === undefined) return false;
    const view = await viewOf(cluster, other);
    if (view.leader === leader.name || view.leader === "nobody") return false;
    written += 1;
    return (
      (await cluster.writeConfig(`${leader.name}-${view.term}-${written}`, other)).status === 201
    );
  });
}

/** No livelock of elections: while the cut lasts, the others keep the leader that they have. */
async function settled(cluster: LocalCluster, deposed: LocalNode): Promise<void> {
  const [one] = others(cluster, deposed);
  if (one === undefined) throw new Error("there is one manager only");
  const before = await viewOf(cluster, one);
  await pause(LOOKED_ON_MS);
  expect(await viewOf(cluster, one)).to.deep.equal(before);
}

function ms(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}
