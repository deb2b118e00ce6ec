/** What people run: a hard-coded port, a port that is not the published one, another language. */
import { spawnSync } from "node:child_process";
import { textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import { until } from "../support/wait.ts";
import { send } from "./support/load.ts";
import { freePort, useCluster } from "./support/suite.ts";
import { answeredByAll, runWeb } from "./support/web.ts";

const WRONG_PORT = "require('http').createServer((q, r) => r.end('x')).listen(4001, '0.0.0.0')";

describe("programs", function programs() {
  this.timeout(60_000);
  const cluster = useCluster(1, 1);

  it("three replicas with a hard-coded port run on one node and all answer", async () => {
    const web = await runWeb(cluster());
    const nodes = new Set((await cluster().running("web")).map((task) => textAt(task, "NodeID")));
    expect([...nodes]).to.deep.equal([cluster().node("worker-1").id]);
    for (const { address } of cluster().nodes()) {
      await answeredByAll(cluster(), web, 3, { address });
    }
    await cluster().skein("service", "rm", "web");
  });

  it("the Python example answers from each of its replicas", async function python() {
    if (spawnSync("python3", ["--version"]).status !== 0) {
      console.log("      skipped: no python3 on PATH");
      this.skip();
    }
    await runWeb(cluster(), {
      name: "py",
      replicas: 2,
      command: ["python3", "examples/hello-python/server.py"],
    });
    await cluster().skein("service", "rm", "py");
  });

  it("a program that listens on another port is named in service ps and status", async () => {
    const port = await freePort();
    const publish = ["-p", `${port}:3000`];
    await cluster().skein("run", "-d", "--name", "odd", ...publish, "--", "node", "-e", WRONG_PORT);
    const named =
      /odd\.1 listens on (\S+:4001), not on 127\.\d+\.\d+\.\d+:3000: use \$HOST and \$PORT/;
    await until(10_000, "service ps names it", async () => {
      const said = await cluster().skein("service", "ps", "odd");
      if (named.test(said)) return true;
      throw new Error(said);
    });
    expect(await cluster().skein("status")).to.match(named);
    const sent = await send("127.0.0.1", port);
    expect(sent.error, "a client is cut off, not kept for ever").to.not.equal(undefined);
    await cluster().skein("service", "rm", "odd");
  });

  it("a program that listens nowhere is named too", async () => {
    const port = await freePort();
    const publish = ["-p", `${port}:3000`];
    await cluster().skein("run", "-d", "--name", "mute", ...publish, "--", "sleep", "1000");
    await until(15_000, "service ps names it", async () => {
      const said = await cluster().skein("service", "ps", "mute");
      if (/mute\.1 does not listen on 127\.\d+\.\d+\.\d+:3000 yet/.test(said)) return true;
      throw new Error(said);
    });
    await cluster().skein("service", "rm", "mute");
  });
});
