/** `skein network …`: overlay networks; Docker's noun and flags, and the doctor. */
import type { Command } from "commander";
import { Option } from "commander";
import { at, listAt, textAt } from "../api/read.ts";
import { table } from "../output/table.ts";
import { call, client, compareNames, filterQuery, list } from "./calls.ts";
import type { GlobalOptions } from "./context.ts";
import { CommandError, print, printJson } from "./context.ts";
import { examples } from "./help.ts";
import type { ListFlags } from "./tasks.ts";
import { addListFlags } from "./tasks.ts";
import { collect, keyAndValue } from "./values.ts";

type CreateFlags = GlobalOptions & {
  readonly driver: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly opt?: readonly string[];
  readonly label?: readonly string[];
  readonly attachable?: boolean;
  readonly internal?: boolean;
  readonly ipv6?: boolean;
};

export function addNetwork(program: Command): void {
  const network = program.command("network").description("Manage overlay networks");
  addCreate(network);
  addListFlags(network.command("ls").description("List networks"))
    .addHelpText("after", examples("skein network ls"))
    .action((_flags: unknown, command: Command) =>
      listNetworks(command.optsWithGlobals<ListFlags>()),
    );
  network
    .command("inspect <network...>")
    .description("Show networks as JSON")
    .option("-v, --verbose", "with the services and tasks on them")
    .addHelpText("after", examples("skein network inspect --verbose backend"))
    .action((names: string[], _flags: unknown, command: Command) =>
      inspect(names, command.optsWithGlobals<GlobalOptions & { readonly verbose?: boolean }>()),
    );
  network
    .command("rm <network...>")
    .description("Remove networks that no service is on")
    .addHelpText("after", examples("skein network rm backend"))
    .action((names: string[], _flags: unknown, command: Command) =>
      remove(names, command.optsWithGlobals<GlobalOptions>()),
    );
  network
    .command("doctor")
    .description("Audit the address space: who holds what, and what is wrong with it")
    .addHelpText("after", examples("skein network doctor"))
    .action((_flags: unknown, command: Command) =>
      doctor(command.optsWithGlobals<GlobalOptions>()),
    );
}

function addCreate(network: Command): void {
  network
    .command("create <network>")
    .description("Create an overlay network")
    .addOption(new Option("-d, --driver <name>", "driver").default("overlay"))
    .option("--subnet <cidr>", "subnet; left out, the cluster chooses")
    .option("--gateway <address>", "gateway of the subnet")
    .option("-o, --opt <key=value>", "driver option, as in encrypted", collect)
    .option("-l, --label <key=value>", "label", collect)
    .option("--attachable", "let single containers attach")
    .option("--internal", "no way out of the network")
    .option("--ipv6", "IPv6 addresses, too")
    .addHelpText("after", examples("skein network create backend"))
    .action((name: string, _flags: unknown, command: Command) =>
      create(name, command.optsWithGlobals<CreateFlags>()),
    );
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  const what = `create network ${name}`;
  const { subnet, gateway } = flags;
  if (gateway !== undefined && subnet === undefined) {
    throw new CommandError(`Cannot ${what}: a gateway needs a subnet: give --subnet`);
  }
  const api = await client(flags, what);
  const config = {
    ...(subnet === undefined ? {} : { Subnet: subnet }),
    ...(gateway === undefined ? {} : { Gateway: gateway }),
  };
  const body = {
    Name: name,
    Driver: flags.driver,
    Attachable: flags.attachable ?? false,
    Internal: flags.internal ?? false,
    EnableIPv6: flags.ipv6 ?? false,
    Options: Object.fromEntries((flags.opt ?? []).map(keyAndValue)),
    Labels: Object.fromEntries((flags.label ?? []).map(keyAndValue)),
    IPAM: { Driver: "default", Config: subnet === undefined ? [] : [config] },
  };
  const made = await call(api, { method: "POST", path: "/networks/create", body }, what);
  if (flags.json === true) printJson({ id: textAt(made, "Id"), name });
  else print(textAt(made, "Id"));
}

async function listNetworks(flags: ListFlags): Promise<void> {
  const what = "list networks";
  const api = await client(flags, what);
  const query = filterQuery(flags.filter ?? [], what);
  const found = await list(api, { path: "/networks", query }, what);
  const networks = [...found].sort((a, b) => compareNames(textAt(a, "Name"), textAt(b, "Name")));
  if (flags.json === true) return printJson(networks);
  if (flags.quiet === true) return networks.forEach((one) => print(textAt(one, "Id")));
  const rows = networks.map((network) => [
    textAt(network, "Id").slice(0, 12),
    textAt(network, "Name"),
    textAt(network, "Driver"),
    textAt(network, "Scope"),
    textAt(listAt(at(network, "IPAM"), "Config")[0], "Subnet"),
  ]);
  for (const line of table(["NETWORK ID", "NAME", "DRIVER", "SCOPE", "SUBNET"], rows)) print(line);
}

async function inspect(
  names: readonly string[],
  flags: GlobalOptions & { readonly verbose?: boolean },
): Promise<void> {
  const found: unknown[] = [];
  for (const name of names) {
    const what = `inspect network ${name}`;
    const api = await client(flags, what);
    const path = `/networks/${encodeURIComponent(name)}`;
    const query = flags.verbose === true ? { verbose: "true" } : {};
    found.push(await call(api, { method: "GET", path, query }, what));
  }
  print(JSON.stringify(found, null, 2));
}

async function remove(names: readonly string[], flags: GlobalOptions): Promise<void> {
  const api = await client(flags, `remove network ${names.join(", ")}`);
  for (const name of names) {
    const path = `/networks/${encodeURIComponent(name)}`;
    await call(api, { method: "DELETE", path }, `remove network ${name}`);
    if (flags.json !== true) print(name);
  }
  if (flags.json === true) printJson({ removed: names });
}

/** Exit 1 when something is wrong, so that a script may watch it. */
async function doctor(flags: GlobalOptions): Promise<void> {
  const what = "audit the networks";
  const api = await client(flags, what);
  const audit = await call(api, { method: "GET", path: "/skein/v1/networks/audit" }, what);
  const findings = listAt(audit, "findings").map(String);
  if (findings.length > 0) process.exitCode = 1;
  if (flags.json === true) return printJson(audit);
  const rows = listAt(audit, "networks").map((network) => [
    textAt(network, "name"),
    textAt(network, "subnet"),
    ...["tasks", "services", "resting", "free"].map((key) => String(at(network, key))),
  ]);
  const header = ["NETWORK", "SUBNET", "TASKS", "SERVICES", "RESTING", "FREE"];
  for (const line of table(header, rows)) print(line);
  for (const finding of findings) print(finding);
  if (findings.length === 0) print("Every address has one holder, and every holder its address.");
}
