import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interpolateTree } from "@skein/common/compose/interpolate";
import { readStack } from "@skein/common/compose/stack";
import type { Tree } from "@skein/common/compose/tree";
import { mapAt } from "@skein/common/compose/tree";
import { expect } from "chai";
import type { Imported } from "./imported.ts";
import { importPm2 } from "./pm2.ts";
import { importProcfile } from "./procfile.ts";
import { readEcosystem } from "./read-ecosystem.ts";

const OPTIONS = { env: undefined, processors: 4 };

function service({ tree }: Imported, name: string): Tree {
  const filled = interpolateTree(tree, new Map());
  const stack = readStack(filled.ok ? filled.value.value : null);
  expect(stack.ok, JSON.stringify(stack)).to.equal(true);
  return mapAt(mapAt(tree, "services"), name);
}

const told = ({ report }: Imported): readonly string[] =>
  report.map(({ path, reason }) => `${path}: ${reason}`);

describe("a Procfile", () => {
  const made = importProcfile(
    "# comment\nweb: node server.js -p $PORT\nrelease: ./migrate\nworker:  ruby w.rb\nwhat?\n",
  );

  it("becomes services that a shell runs, with their variables left alone", () => {
    expect(service(made, "worker")).to.deep.include({ command: ["/bin/sh", "-c", "ruby w.rb"] });
    expect(service(made, "web")).to.deep.include({
      command: ["/bin/sh", "-c", "node server.js -p $$PORT"],
      ports: ["${PORT:-5000}:5000"],
      depends_on: { release: { condition: "service_completed_successfully" } },
    });
    expect(service(made, "release")).to.have.nested.property("deploy.mode", "replicated-job");
  });

  it("is told of lines that are none", () => {
    expect(told(made)).to.deep.equal([
      "line 5: is no `name: command`",
      "web: publishes port ${PORT:-5000}, and listens on 5000 as $PORT says",
    ]);
  });
});

describe("PM2's ecosystem file", () => {
  const app = (more: Tree): Imported =>
    importPm2({ apps: [{ name: "api", script: "./api.js", ...Object(more) }] }, OPTIONS);

  const table: readonly (readonly [string, Tree, object])[] = [
    ["the script", {}, { command: ["node", "./api.js"] }],
    [
      "arguments and interpreter",
      { script: "w.py", args: "--fast -n 2", interpreter_args: ["-u"] },
      { command: ["python3", "-u", "w.py", "--fast", "-n", "2"] },
    ],
    ["a program", { script: "/bin/true", interpreter: "none" }, { command: ["/bin/true"] }],
    [
      "environment and port",
      { env: { PORT: 3000, PRICE: "$5" } },
      { environment: { PORT: "3000", PRICE: "$$5" }, ports: ["3000:3000"] },
    ],
    ["times", { kill_timeout: 3000 }, { stop_grace_period: "3000ms" }],
    ["instances", { instances: 3 }, { deploy: { replicas: 3 } }],
    ["all processors but one", { instances: -1 }, { deploy: { replicas: 3 } }],
    [
      "restarts",
      { autorestart: false, max_memory_restart: "200M" },
      {
        deploy: {
          resources: { limits: { memory: "200M" } },
          restart_policy: { condition: "none" },
        },
      },
    ],
    [
      "a scheduled run",
      { autorestart: false, cron_restart: "0 3 * * *" },
      { deploy: { mode: "replicated-job", labels: { "skein.schedule": "0 3 * * *" } } },
    ],
  ];
  for (const [name, given, expected] of table) {
    it(name, () => expect(service(app(given), "api")).to.deep.include(expected));
  }

  it("takes the environment that is asked for, and names the others", () => {
    const apps = [{ script: "a.js", env: { A: 1 }, env_production: { A: 2 }, env_test: { A: 3 } }];
    const made = importPm2({ apps }, { ...OPTIONS, env: "production" });
    expect(service(made, "a")).to.deep.include({ environment: { A: "2" } });
    expect(told(made)).to.deep.equal([
      "apps.a.env_test: is left out: skein import --env test takes it",
    ]);
  });

  it("reports everything that has no place", () => {
    const made = app({ watch: true, instances: "max", cron_restart: "@daily", odd: 1 });
    expect(told(made).map((line) => line.split(": ")[0])).to.have.members([
      "apps.api.watch",
      "apps.api.instances",
      "apps.api.cron_restart",
      "apps.api.odd",
    ]);
    const top = importPm2({ apps: [], deploy: {} }, OPTIONS);
    expect(told(top)[0]).to.match(/^deploy: .*SSH/);
  });

  it("is run apart: what it prints, how long it takes and how it fails", async () => {
    const directory = mkdtempSync(join(tmpdir(), "skein-import-"));
    const read = (name: string, text: string) => {
      writeFileSync(join(directory, name), text);
      return readEcosystem(join(directory, name));
    };
    const [good, bad, json] = await Promise.all([
      read("a.cjs", `console.log("hi"); module.exports = { apps: [{ script: "x" }] };`),
      read("b.mjs", "throw new TypeError('no such thing');"),
      read("c.json", `{ "apps": [] }`),
    ]);
    rmSync(directory, { recursive: true });
    expect(good).to.deep.equal({ ok: true, value: { apps: [{ script: "x" }] } });
    expect(bad.ok ? "" : bad.error).to.match(/b\.mjs: TypeError: no such thing/);
    expect(json).to.deep.equal({ ok: true, value: { apps: [] } });
  });
});
