/** `skein swarm …`: Docker's noun and flags. Joining is one pasted line. */
import type { Command } from "commander";
import { Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import { at, numberAt, textAt } from "../api/read.ts";
import { call, client } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson, remark } from "./context.ts";
import { examples } from "./help.ts";
import { waitForRoot } from "./root-rotation.ts";
import { duration, wholeNumber } from "./values.ts";

interface EnterFlags extends GlobalOptions {
  readonly advertiseAddr?: string;
  readonly listenAddr?: string;
  readonly availability?: string;
  readonly token?: string;
}
type TokenFlags = GlobalOptions & { readonly rotate?: boolean; readonly quiet?: boolean };
type CaFlags = TokenFlags & { readonly detach?: boolean };
type LeaveFlags = GlobalOptions & { readonly force?: boolean };
interface UpdateFlags extends GlobalOptions {
  readonly certExpiry?: number;
  readonly taskHistoryLimit?: number;
}

const MANAGER_PORT = 2377;
const ROLES = ["worker", "manager"] as const;

export function addSwarm(program: Command): void {
  const swarm = program.command("swarm").description("Make, join and leave a cluster of machines");
  addEnter(swarm);
  swarm
    .command("leave")
    .description("Leave the cluster")
    .option("-f, --force", "also as a manager")
    .addHelpText("after", examples("skein swarm leave"))
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<LeaveFlags>();
      const api = await client(flags, "leave the swarm");
      const query: Record<string, string> = flags.force === true ? { force: "1" } : {};
      await call(api, { method: "POST", path: "/swarm/leave", query }, "leave the swarm");
      print("Node left the swarm.");
    });
  addSettings(swarm);
}

function addEnter(swarm: Command): void {
  const availability = new Option("--availability <state>").choices(["active", "pause", "drain"]);
  swarm
    .command("init")
    .description("Make a cluster of this machine")
    .option("--advertise-addr <host[:port]>", "where other nodes reach this one")
    .option("--listen-addr <host[:port]>", "where it listens, when that is another address")
    .addOption(availability)
    .addHelpText("after", examples("skein swarm init --advertise-addr 10.0.0.1"))
    .action((_flags: unknown, command: Command) => init(command.optsWithGlobals<EnterFlags>()));
  swarm
    .command("join <host:port>")
    .description("Join the cluster of a manager")
    .requiredOption("--token <token>", "from: skein swarm join-token")
    .option("--advertise-addr <host[:port]>", "where other nodes reach this one")
    .option("--listen-addr <host[:port]>", "where it listens, when that is another address")
    .addOption(availability)
    .addHelpText("after", examples("skein swarm join --token SWMTKN-1-… 10.0.0.1:2377"))
    .action((remote: string, _flags: unknown, command: Command) =>
      join(remote, command.optsWithGlobals<EnterFlags>()),
    );
  swarm
    .command("join-token <role>")
    .description("Show, or replace, the token with which a worker or a manager joins")
    .option("--rotate", "replace it: the old one is refused from now on")
    .option("-q, --quiet", "the token alone")
    .addHelpText("after", examples("skein swarm join-token worker"))
    .action((role: string, _flags: unknown, command: Command) =>
      joinToken(role, command.optsWithGlobals<TokenFlags>()),
    );
}

function addSettings(swarm: Command): void {
  swarm
    .command("update")
    .description("Change the settings of the cluster")
    .option("--cert-expiry <duration>", "life of certificates from now on (90 days)", duration)
    .option("--task-history-limit <n>", "ended tasks kept for each slot", wholeNumber)
    .addHelpText("after", examples("skein swarm update --cert-expiry 720h"))
    .action((_flags: unknown, command: Command) => update(command.optsWithGlobals<UpdateFlags>()));
  swarm
    .command("ca")
    .description("Show, or replace, the root certificate")
    .option("--rotate", "make a new root; every node renews its certificate")
    .option("-d, --detach", "do not wait until every node has renewed")
    .option("-q, --quiet", "no progress")
    .addHelpText("after", examples("skein swarm ca", "skein swarm ca --rotate"))
    .action((_flags: unknown, command: Command) => ca(command.optsWithGlobals<CaFlags>()));
}

async function init(flags: EnterFlags): Promise<void> {
  const what = "make a cluster";
  const api = await client(flags, what);
  const id = await call(api, { method: "POST", path: "/swarm/init", body: bodyOf(flags) }, what);
  if (flags.json === true) return printJson({ nodeId: id });
  print(`This machine is now a manager (node ${String(id)}). On every other machine:\n`);
  await printToken(api, "worker");
}

async function join(remote: string, flags: EnterFlags): Promise<void> {
  const what = "join the cluster";
  const api = await client(flags, what);
  const RemoteAddrs = [/:\d+$/.test(remote) ? remote : `${remote}:${MANAGER_PORT}`];
  const body = { ...bodyOf(flags), RemoteAddrs, JoinToken: flags.token };
  await call(api, { method: "POST", path: "/swarm/join", body }, what);
  const info = await call(api, { method: "GET", path: "/info" }, what);
  const nodeId = textAt(info, "Swarm", "NodeID");
  const role = at(info, "Swarm", "ControlAvailable") === true ? "manager" : "worker";
  if (flags.json === true) return printJson({ nodeId, role });
  print(`This machine joined as a ${role} (node ${nodeId}).`);
}

async function joinToken(role: string, flags: TokenFlags): Promise<void> {
  const known = ROLES.find((one) => one === role);
  if (known === undefined) {
    throw new CommandError(`Cannot show the join token of ${role}: worker or manager is meant`);
  }
  const what = `show the ${role} join token`;
  const api = await client(flags, what);
  if (flags.rotate === true) {
    const query = { [known === "worker" ? "rotateWorkerToken" : "rotateManagerToken"]: "true" };
    await writeSpec(api, { query, what: `rotate the ${role} join token` });
  }
  if (flags.quiet !== true && flags.json !== true) return printToken(api, known);
  const token = await tokenOf(api, known);
  if (flags.json === true) printJson({ role, token });
  else print(token);
}

async function update(flags: UpdateFlags): Promise<void> {
  const what = "update the swarm";
  const api = await client(flags, what);
  const { certExpiry, taskHistoryLimit } = flags;
  const ca = certExpiry === undefined ? {} : { NodeCertExpiry: certExpiry * 1_000_000 };
  const orchestration =
    taskHistoryLimit === undefined ? {} : { TaskHistoryRetentionLimit: taskHistoryLimit };
  await writeSpec(api, { what, ca, orchestration });
  print("Swarm updated.");
}

async function ca(flags: CaFlags): Promise<void> {
  const what = "rotate the root";
  const api = await client(flags, "show the root");
  const isQuiet = flags.quiet === true || flags.json === true;
  if (flags.rotate === true) {
    const swarm = await call(api, { method: "GET", path: "/swarm" }, what);
    const now = numberAt(swarm, "Spec", "CAConfig", "ForceRotate");
    await writeSpec(api, { what, ca: { ForceRotate: now + 1 } });
    if (flags.detach !== true) await waitForRoot(api, isQuiet);
  }
  const swarm = await call(api, { method: "GET", path: "/swarm" }, "show the root");
  if (flags.json === true) return printJson(at(swarm, "TLSInfo"));
  print(textAt(swarm, "TLSInfo", "TrustRoot").trimEnd());
  if (at(swarm, "RootRotationInProgress") === true) {
    remark("A new root takes over as nodes renew: skein swarm ca shows it then.");
  }
}

interface SpecChange {
  readonly what: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly ca?: object;
  readonly orchestration?: object;
}

/** Reads the spec, changes what is asked, and writes it at the version that was read. */
async function writeSpec(api: ApiClient, change: SpecChange): Promise<void> {
  const { what, query = {}, ca: caChange = {}, orchestration = {} } = change;
  const swarm = await call(api, { method: "GET", path: "/swarm" }, what);
  const spec = at(swarm, "Spec");
  const body = {
    ...(typeof spec === "object" ? spec : {}),
    CAConfig: { ...objectIn(spec, "CAConfig"), ...caChange },
    Orchestration: { ...objectIn(spec, "Orchestration"), ...orchestration },
  };
  const version = String(numberAt(swarm, "Version", "Index"));
  const path = "/swarm/update";
  await call(api, { method: "POST", path, query: { version, ...query }, body }, what);
}

function objectIn(value: unknown, key: string): object {
  const found = at(value, key);
  return typeof found === "object" && found !== null ? found : {};
}

async function tokenOf(api: ApiClient, role: (typeof ROLES)[number]): Promise<string> {
  const what = `show the ${role} join token`;
  const swarm = await call(api, { method: "GET", path: "/swarm" }, what);
  return textAt(swarm, "JoinTokens", role === "worker" ? "Worker" : "Manager");
}

async function printToken(api: ApiClient, role: (typeof ROLES)[number]): Promise<void> {
  const token = await tokenOf(api, role);
  const info = await call(api, { method: "GET", path: "/info" }, "find this node's address");
  const node = textAt(info, "Swarm", "NodeID");
  const path = `/nodes/${encodeURIComponent(node)}`;
  const inspected = await call(api, { method: "GET", path }, "find this node's address");
  const remote = textAt(inspected, "ManagerStatus", "Addr");
  print(`    skein swarm join --token ${token} ${remote}\n`);
}

function bodyOf(flags: EnterFlags): object {
  return {
    AdvertiseAddr: flags.advertiseAddr ?? "",
    ListenAddr: flags.listenAddr ?? "",
    Availability: flags.availability ?? "active",
  };
}
