/**
 * examples/shop, a stack of five services, by `skein stack` and by `docker stack`: deployed,
 * deployed again, updated while people look at its page, rolled back, removed.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textAt } from "@skein/cli/api/read";
import { expect } from "chai";
import { CLIS, DockerCli, freePort, isRecordedVersion, versionOf } from "../support/docker-cli.ts";
import { LocalCluster, REPOSITORY } from "../support/local-cluster.ts";
import { until } from "../support/wait.ts";

const LIMIT_MS = 60_000;
const SHOP = join(REPOSITORY, "examples", "shop");
const SERVICES = ["shop_web", "shop_api", "shop_worker", "shop_watch"];

/** One way to deploy, take back and remove the stack; variables of the file come with it. */
interface Way {
  readonly deploy: (variables: Readonly<Record<string, string>>) => Promise<unknown>;
  /** Takes back the last deployment. */
  readonly rollback: () => Promise<unknown>;
  readonly remove: () => Promise<unknown>;
}

describe("examples/shop", function () {
  this.timeout(180_000);
  const cluster = new LocalCluster("shop");
  const docker = new DockerCli(cluster);
  const directory = mkdtempSync(join(tmpdir(), "skein-shop-"));
  const token = join(directory, "token.txt");
  let port = 0;
  before(async () => {
    port = await freePort();
    writeFileSync(token, "another\n");
    await cluster.up(1, 3);
  });
  after(async () => {
    await cluster.down();
    rmSync(directory, { recursive: true });
  });

  const environment = (variables: Readonly<Record<string, string>>) => ({
    env: { PWD: SHOP, SHOP_PORT: String(port), ...variables },
    cwd: SHOP,
  });
  const ways: readonly (readonly [string, Way])[] = [
    [
      "skein stack",
      {
        deploy: (variables) => cluster.skeinIn(environment(variables), "stack", "deploy", "shop"),
        rollback: () => cluster.skein("stack", "rollback", "shop"),
        remove: () => cluster.skein("stack", "rm", "shop"),
      },
    ],
    // The older command line knows no jobs in stacks: "Unknown mode: replicated-job".
    ...CLIS.filter((cli) => isRecordedVersion(cli)).map((cli) => {
      const own = new DockerCli(cluster, cli);
      const way: Way = {
        deploy: async (variables) => {
          const args = ["stack", "deploy", "-c", "compose.yml", "shop"];
          const ran = await own.runIn(environment(variables), args);
          expect(ran.code, ran.err).to.equal(0);
        },
        rollback: async () => {
          await own.ok("service", "rollback", "-d", "shop_api");
          await own.ok("service", "rollback", "-d", "shop_web");
        },
        remove: () => own.ok("stack", "rm", "shop"),
      };
      return [`${cli} ${versionOf(cli)} stack`, way] as const;
    }),
  ];

  for (const [name, way] of ways) {
    it(`${name}: comes up, changes, goes back, and leaves nothing`, async () => {
      await way.deploy({});
      await until(LIMIT_MS, "the page", async () => {
        return (await page(port, "/")) === "Welcome to the shop 1";
      });
      await until(LIMIT_MS, "the api by its name", async () => {
        return (await page(port, "/ready")) === "the api answers 200";
      });
      await docker.shows(/a piece of work: 200/, "service", "logs", "shop_worker");
      await docker.shows(/^3\/3$/m, ...["service", "ls", "-f", "name=shop_watch"], ...REPLICAS);
      expect(await schedule(cluster)).to.equal("0 * * * *");

      await settled(cluster);
      const before = await taskIds(cluster);
      await way.deploy({});
      expect(await taskIds(cluster), "tasks after the same again").to.deep.equal(before);

      const visitor = new Visitor(port);
      await way.deploy({ SHOP_VERSION: "2", SHOP_TOKEN: token });
      await until(LIMIT_MS, "the new page", () => visitor.saw("Welcome to the shop 2"));
      await settled(cluster);
      await way.rollback();
      await until(LIMIT_MS, "the former page", () => visitor.sawLast("Welcome to the shop 1"));
      await settled(cluster);
      expect(await visitor.leave(), "requests without an answer").to.deep.equal([]);

      await way.remove();
      await docker.shows(/^$/, "ps", "-q");
      for (const [kind, flags] of KINDS) await docker.shows(/^$/, kind, "ls", ...flags);
    });
  }
});

const REPLICAS = ["--format", "{{.Replicas}}"];
const OWN = ["-q", "-f", "label=com.docker.stack.namespace=shop"];
const KINDS = [
  ["service", OWN],
  ["network", OWN],
  ["secret", OWN],
  ["config", OWN],
] as const;

/** Every task that is wanted runs, and no update is under way. */
async function settled(cluster: LocalCluster): Promise<void> {
  await until(LIMIT_MS, "it settled", async () => {
    for (const name of SERVICES) {
      const { body } = await cluster.ask(`GET /services/${name}`);
      const state = textAt(body, "UpdateStatus", "State");
      if (state !== "" && !state.endsWith("completed")) return false;
      const wanted = await cluster.wanted(name);
      if (wanted.some((task) => textAt(task, "Status", "State") !== "running")) return false;
      if (wanted.length === 0) return false;
    }
    return true;
  });
}

async function taskIds(cluster: LocalCluster): Promise<readonly string[]> {
  const tasks = await Promise.all(SERVICES.map((name) => cluster.wanted(name)));
  return tasks.flatMap((list) => list.map((task) => textAt(task, "ID"))).toSorted();
}

async function schedule(cluster: LocalCluster): Promise<string> {
  const { body } = await cluster.ask("GET /services/shop_report");
  return textAt(body, "Spec", "Labels", "skein.schedule");
}

/** Looks at the page again and again. */
class Visitor {
  readonly #port: number;
  readonly #pages: string[] = [];
  readonly #failures: string[] = [];
  readonly #looking: Promise<void>;
  #left = false;

  constructor(port: number) {
    this.#port = port;
    this.#looking = this.#look();
  }

  saw(text: string): boolean {
    return this.#pages.includes(text);
  }

  /** The last ten looks: every replica is asked in turn. */
  sawLast(text: string): boolean {
    return this.#pages.slice(-10).every((one) => one === text);
  }

  /** Gives what went wrong. */
  async leave(): Promise<readonly string[]> {
    this.#left = true;
    await this.#looking;
    return this.#failures;
  }

  async #look(): Promise<void> {
    while (!this.#left) {
      const text = await page(this.#port, "/").catch((error) => `failed: ${String(error)}`);
      this.#pages.push(text);
      if (!text.startsWith("Welcome")) this.#failures.push(text);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

function page(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent: false, timeout: 10_000 }, async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve(text.trim());
    })
      .on("timeout", function (this: { destroy(error: Error): void }) {
        this.destroy(new Error("no answer in 10 s"));
      })
      .on("error", reject);
  });
}
