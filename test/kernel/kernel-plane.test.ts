/**
 * The kernel plane on five simulated machines: network namespaces joined by a bridge, each with a
 * node of its own; a stack of two networks across them.
 */
import type { ChildProcess } from "node:child_process";
import { execFile, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { NetworkId } from "@skein/common/ids";
import { networkId, nodeId, serviceId, taskId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { expect } from "chai";
import type { HostTask, ToHost } from "./host.ts";

const HOSTS = 5;
const RUN = `sk${process.pid.toString(36)}`;
const FRONT = networkId("front");
const BACK = networkId("back");
const SUBNETS = [
  [FRONT, "10.65.128.0/23"],
  [BACK, "10.65.130.0/23"],
] as const;
const PORT = 3000;
const PROGRAM = fileURLToPath(new URL("./host.ts", import.meta.url));
const exec = promisify(execFile);
const ip = (line: string) => exec("ip", line.split(" "));

class Host {
  readonly node;
  readonly underlay: string;
  readonly #child: ChildProcess;
  #last = 0;

  constructor(number: number) {
    this.node = nodeId(`${RUN}h${number}node`.padStart(12, "0").slice(-12));
    this.underlay = `192.168.77.${number + 1}`;
    this.#child = fork(PROGRAM, [], {
      execPath: "/usr/bin/env",
      execArgv: ["ip", "netns", "exec", `${RUN}-${number}`, process.execPath, "--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  tell(body: ToHost): Promise<string> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error("the machine's process ended"));
      const hear = (answer: { id: number; value?: string; error?: string }): void => {
        if (answer.id !== id) return;
        this.#child.off("message", hear);
        if (answer.error === undefined) resolve(String(answer.value));
        else reject(new Error(answer.error));
      };
      this.#child.on("message", hear);
      this.#child.send({ id, body });
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

interface Placed extends HostTask {
  readonly host: Host;
  readonly service: string;
  readonly slot: number;
}

const say = (text: string): readonly string[] => [
  process.execPath,
  "-e",
  `require("http").createServer((q, r) => r.end("${text} " + q.socket.remoteAddress))
    .listen(${PORT}, () => console.log("listens"))`,
];
/** The answer, or the code of the failure. */
const get = (url: string): readonly string[] => [
  process.execPath,
  "-e",
  `fetch("${url}", { signal: AbortSignal.timeout(3000) }).then((r) => r.text())
    .then(console.log, (e) => console.log(e.cause?.code ?? e.name))`,
];

/** Refused by the sender's own kernel, or dropped on the way: which, depends on the machine. */
const NO_WAY = /^(ENETUNREACH|EHOSTUNREACH|TimeoutError)$/;

describe("kernel plane, five machines", function () {
  this.timeout(120_000);
  const hosts: Host[] = [];
  const placed: Placed[] = [];

  before(async () => {
    await ip(`link add ${RUN}br type bridge`);
    await ip(`link set ${RUN}br up`);
    for (let at = 0; at < HOSTS; at += 1) {
      const name = `${RUN}-${at}`;
      await ip(`netns add ${name}`);
      await ip(`link add ${RUN}v${at} type veth peer name u0 netns ${name}`);
      await ip(`link set ${RUN}v${at} master ${RUN}br up`);
      await ip(`-n ${name} link set lo up`);
      await ip(`-n ${name} addr add 192.168.77.${at + 1}/24 dev u0`);
      await ip(`-n ${name} link set u0 up`);
      hosts.push(new Host(at));
    }
    await Promise.all(
      hosts.map((host) => {
        const { node, underlay } = host;
        return host.tell({ kind: "open", node, underlay });
      }),
    );
    // web is on both networks, api and db on the inner one, shop on the outer one.
    place("web", 0, [FRONT, BACK]);
    place("api", 1, [BACK]);
    place("api", 2, [BACK]);
    place("db", 3, [BACK]);
    place("shop", 4, [FRONT]);
    for (const { host, service, slot, ...task } of placed) {
      await host.tell({ kind: "attach", task });
      await host.tell({ kind: "serve", taskId: task.taskId, argv: say(`${service}.${slot}`) });
    }
    const routes = ["web", "api", "db", "shop"].map(routeOf);
    await Promise.all(hosts.map((host) => host.tell({ kind: "routes", routes })));
  });

  after(async () => {
    await Promise.all(hosts.map((host) => host.tell({ kind: "close" }).catch(() => "")));
    for (const host of hosts) host.kill();
    for (let at = 0; at < HOSTS; at += 1) await ip(`netns del ${RUN}-${at}`).catch(() => "");
    await ip(`link del ${RUN}br`).catch(() => "");
  });

  function place(service: string, at: number, networks: readonly NetworkId[]): void {
    const host = hosts[at];
    if (host === undefined) throw new Error("no host");
    const number = placed.length + 2;
    const slot = placed.filter((one) => one.service === service).length + 1;
    const addresses = networks.map((id) => {
      const third = id === FRONT ? 128 : 130;
      return { networkId: id, address: `10.65.${third}.${number}` };
    });
    placed.push({
      host,
      service,
      slot,
      taskId: taskId(`${service}${slot}`.padEnd(25, "x")),
      address: `10.65.0.${number}`,
      networks: addresses,
      subnets: SUBNETS,
    });
  }

  function routeOf(name: string): ServiceRoute {
    const tasks = placed.filter(({ service }) => service === name);
    return {
      serviceId: serviceId(name),
      name,
      ports: [],
      names: {
        dnsrr: true,
        attachments: (tasks[0]?.networks ?? []).map(({ networkId: id }) => ({
          networkId: id,
          network: id,
          subnet: "",
          aliases: [],
        })),
        namedPorts: [],
      },
      backends: tasks.map(({ host, taskId: id, address, slot, networks }) => ({
        taskId: id,
        nodeId: host.node,
        dataAddress: `${host.underlay}:4789`,
        address,
        slot,
        networks,
        listens: [PORT],
      })),
    };
  }

  const task = (service: string, slot = 1): Placed => {
    const found = placed.find((one) => one.service === service && one.slot === slot);
    if (found === undefined) throw new Error(`no task ${service}.${slot}`);
    return found;
  };
  const from = ({ host, taskId: id }: Placed, url: string): Promise<string> =>
    host.tell({ kind: "run", taskId: id, argv: get(url) });

  it("lets any program find the tasks of its networks by name, on other machines", async () => {
    const own = task("web").networks.find((one) => one.networkId === BACK)?.address;
    expect(await from(task("web"), `http://db:${PORT}/`)).to.equal(`db.1 ::ffff:${own}`);
    expect(await from(task("api"), `http://2.api:${PORT}/`)).to.match(/^api\.2 /);
    expect(await from(task("db"), `http://api.skein.internal:${PORT}/`)).to.match(/^api\.[12] /);
    const web = task("web").networks[0]?.address;
    expect(await from(task("shop"), `http://web:${PORT}/`)).to.match(/^web\.1 /);
    expect(await from(task("shop"), `http://${web}:${PORT}/`)).to.match(/^web\.1 /);
  });

  it("keeps networks apart: neither name nor address leads across", async () => {
    expect(await from(task("shop"), `http://db:${PORT}/`)).to.match(/^(ENOTFOUND|EAI_AGAIN)$/);
    const inner = ["db", "api"].map((name) => task(name).networks[0]?.address);
    const outer = task("shop").networks[0]?.address;
    for (const address of [...inner, task("db").address]) {
      expect(await from(task("shop"), `http://${address}:${PORT}/`)).to.match(NO_WAY);
    }
    expect(await from(task("db"), `http://${outer}:${PORT}/`)).to.match(NO_WAY);
  });

  it("does nothing at rest, and mends what others took away", async () => {
    const { host } = task("web");
    const before = await host.tell({ kind: "audit" });
    expect(await host.tell({ kind: "audit" })).to.equal(before);
    const argv = ["ip", "rule", "del", "pref", "20000"];
    await host.tell({ kind: "host", argv });
    expect(Number(await host.tell({ kind: "audit" }))).to.equal(Number(before) + 1);
    expect(await from(task("web"), `http://db:${PORT}/`)).to.match(/^db\.1 /);
  });

  it("gives a task its own ports: the same one twice on a machine", async () => {
    const twin = { ...task("web"), taskId: taskId("twin".padEnd(25, "x")), address: "10.65.0.99" };
    const { host, service: _service, slot: _slot, ...spec } = twin;
    const networks = [{ networkId: FRONT, address: "10.65.128.99" }];
    await host.tell({ kind: "attach", task: { ...spec, networks } });
    const said = await host.tell({ kind: "serve", taskId: twin.taskId, argv: say("twin") });
    expect(said).to.equal("listens");
    expect(await from(task("web"), `http://10.65.128.99:${PORT}/`)).to.match(/^twin /);
  });
});
