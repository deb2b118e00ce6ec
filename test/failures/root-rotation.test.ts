/** The root certificate is replaced under load, with every node there and with one away. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { dirname, join } from "node:path";
import { at, listAt, numberAt, textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import type { LocalNode } from "../support/local-cluster.ts";
import { pause, timeUntil, until } from "../support/wait.ts";
import { failures, Load, withoutCaughtBy } from "./support/load.ts";
import { figure, useCluster } from "./support/suite.ts";
import { loadOn, runWeb } from "./support/web.ts";
import { Writes } from "./support/writes.ts";

const LIMIT_MS = 60_000;

describe("the root is replaced", function rootReplaced() {
  this.timeout(180_000);
  const cluster = useCluster(3, 2);
  const swarm = async (): Promise<unknown> => (await cluster().ask("GET /swarm")).body;
  const root = async (): Promise<string> => textAt(await swarm(), "TLSInfo", "TrustRoot");
  const term = async (): Promise<number> => {
    return numberAt((await cluster().ask("GET /skein/v1/status")).body, "term");
  };

  it("under load: no request fails, no connection ends, nobody is elected", async () => {
    const before = await root();
    const web = await runWeb(cluster(), { replicas: 2 });
    const [load, writes] = [loadOn(cluster(), web), new Writes(cluster(), "meanwhile")];
    const lasting = new LastingConnection(web.port);
    const since = { time: performance.now(), term: await term() };
    const shown = await cluster().skein("swarm", "ca", "--rotate");
    figure("root replaced on 5 nodes", `${Math.round(performance.now() - since.time)} ms`);
    const after = await root();
    expect(after).to.not.equal(before);
    expect(shown.trim()).to.equal(after.trim());
    for (const node of cluster().nodes()) expectOnly(after, node);
    expect(await writes.one(), "a write with the new root").to.equal(true);
    await writes.stop();
    expect(writes.refused).to.deep.equal([]);
    expect(failures(await load.atLeast(100))).to.deep.equal([]);
    expect(await lasting.close()).to.deep.equal({ sockets: 1, errors: [] });
    expect(await term()).to.equal(since.term);
  });

  it("a node that is away is waited for by name, over a change of leader too", async () => {
    const before = await root();
    const away = cluster().node("worker-2");
    const web = await runWeb(cluster(), { name: "other", replicas: 2 });
    // Not through the nodes that are killed and started: their ports come and go.
    const addresses = ["127.0.0.1", cluster().node("worker-1").address];
    const load = new Load({ port: web.port, perSecond: 20, addresses: () => addresses });
    const kill = { from: performance.now(), to: 0 };
    await cluster().skein("kill", away.name);
    await cluster().skein("swarm", "ca", "--rotate", "--detach");
    await timeUntil(LIMIT_MS, "all others have renewed", async () => {
      const problems = listAt((await cluster().ask("GET /skein/v1/status")).body, "problems");
      return problems.some((problem) => {
        return textAt(problem, "problem").includes(`until ${away.name} renewed`);
      });
    });
    const again = await cluster().tell("swarm", "ca", "--rotate", "--detach");
    expect(again.err).to.match(/a rotation is under way: it waits for .*worker-2 \(down\)/);
    const leader = await cluster().leader();
    await cluster().skein("kill", leader.name);
    await until(LIMIT_MS, "another leader", async () => (await cluster().leader()) !== leader);
    await cluster().skein("start", leader.name);
    kill.to = performance.now();
    await pause(3000); // Longer than it takes to end where nobody is waited for.
    expect(at(await swarm(), "RootRotationInProgress")).to.equal(true);
    expect(await root()).to.equal(before);
    await cluster().skein("start", away.name);
    await timeUntil(LIMIT_MS, "one root", async () => {
      return at(await swarm(), "RootRotationInProgress") === false;
    });
    const after = await root();
    expect(after).to.not.equal(before);
    await until(LIMIT_MS, "every node has it alone", () => {
      for (const node of cluster().nodes()) expectOnly(after, node);
      return true;
    });
    const sent = await load.atLeast(100);
    expect(failures(withoutCaughtBy(kill, sent))).to.deep.equal([]);
  });

  function expectOnly(pem: string, node: LocalNode): void {
    const file = (name: string) => {
      return readFileSync(join(dirname(node.log), "identity", name), "utf8");
    };
    expect(file("ca.crt").trim(), node.name).to.equal(pem.trim());
    const own = new X509Certificate(file("node.crt"));
    expect(own.verify(new X509Certificate(pem).publicKey), node.name).to.equal(true);
  }
});

/** Five requests a second on one connection that was made before. */
class LastingConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  readonly #sockets = new Set<unknown>();
  readonly #errors: string[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(port: number) {
    this.#port = port;
    this.#running = this.#run();
  }

  async close(): Promise<{ readonly sockets: number; readonly errors: readonly string[] }> {
    this.#stopped = true;
    await this.#running;
    this.#agent.destroy();
    return { sockets: this.#sockets.size, errors: this.#errors };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#once();
      await pause(200);
    }
  }

  #once(): Promise<void> {
    return new Promise((resolve) => {
      const options = { host: "127.0.0.1", port: this.#port, agent: this.#agent };
      const call = get(options, (response) => {
        this.#sockets.add(response.socket);
        response.resume();
        response.on("end", resolve);
      });
      call.on("error", (error) => {
        this.#errors.push(error.message);
        resolve();
      });
    });
  }
}
