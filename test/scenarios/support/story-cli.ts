/**
 * The user's lines of a story: the flags of the real command line, through the API's own functions,
 * to the store. What is refused is seen in the words in which a user reads it.
 */
import { edited, renameRefused } from "@skein/cli/commands/service";
import { emptySpec } from "@skein/cli/commands/spec";
import { addSpecFlags, writeFlags } from "@skein/cli/commands/spec-flags";
import { must } from "@skein/common/assert";
import { networkId } from "@skein/common/ids";
import type { Service } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import { createService } from "@skein/manager/control/create-service";
import { serviceToEngine } from "@skein/manager/control/engine/service";
import { updateService } from "@skein/manager/control/update-service";
import type { SmallCluster } from "@skein/manager/orchestrator/small-cluster.test";
import type { Command } from "@skein/manager/store/command";
import { Command as Line } from "commander";

type Seen = readonly string[];
interface Outcome {
  readonly ok: boolean;
  readonly error?: { readonly message: string };
}

const CONTEXT = {
  defaultDirectory: "/",
  network: (reference: string) => ok(networkId(reference)),
};

/** `words`: "skein", "service", a verb, and its arguments. */
export function runCli(cluster: SmallCluster, words: readonly string[]): Seen {
  const [, , verb = "", ...args] = words;
  const run = must(VERBS[verb], `skein service ${verb}`);
  return run(cluster, args);
}

const VERBS: Readonly<Record<string, (cluster: SmallCluster, args: Seen) => Seen>> = {
  create: (cluster, args) => {
    const line = addSpecFlags(quiet(), "create").option("--name <name>").argument("[words...]");
    line.parse([...args], { from: "user" });
    const { name = "" } = line.opts<{ name?: string }>();
    const [image = "", ...command] = line.args;
    const spec = emptySpec(image, command, name);
    writeFlags(spec, line.opts());
    const checked = createService(spec, { ...CONTEXT, newId: name });
    return checked.ok ? said(cluster, checked.value.command) : [`Error: ${checked.error.message}`];
  },
  update: (cluster, args) => {
    const line = addSpecFlags(quiet(), "update")
      .option("--image <image>")
      .option("--args <args>")
      .option("--force")
      .argument("<service>");
    line.parse([...args], { from: "user" });
    const [name = ""] = line.args;
    const service = cluster.service(name);
    return write(cluster, service, { body: edited(inspected(cluster, service), line.opts()) });
  },
  /** Docker's clients can send another name; ours says how it is done. */
  rename: (cluster, [name = "", Name = ""]) => {
    const service = cluster.service(name);
    const body = { ...edited(inspected(cluster, service), {}), Name };
    return [...write(cluster, service, { body }), `Error: ${renameRefused(name, Name).message}`];
  },
  scale: (cluster, args) =>
    args.flatMap((arg) => {
      const [name = "", replicas = ""] = arg.split("=");
      const service = cluster.service(name);
      const spec = edited(inspected(cluster, service), {});
      return write(cluster, service, {
        body: { ...spec, Mode: { Replicated: { Replicas: Number(replicas) } } },
      });
    }),
  rollback: (cluster, [name = ""]) =>
    write(cluster, cluster.service(name), { body: {}, rollback: "previous" }),
  rm: (cluster, [name = ""]) =>
    said(cluster, { kind: "remove-service", serviceId: cluster.service(name).id }),
};

function inspected({ view }: SmallCluster, service: Service): unknown {
  return serviceToEngine(service, {
    listed: false,
    insertDefaults: false,
    counts: undefined,
    view,
  });
}

function write(
  cluster: SmallCluster,
  service: Service,
  { body, rollback }: { readonly body: unknown; readonly rollback?: string },
): Seen {
  const { version } = service;
  const checked = updateService(service, { ...CONTEXT, body, version, rollback });
  return checked.ok ? said(cluster, checked.value.command) : [`Error: ${checked.error.message}`];
}

function said(cluster: SmallCluster, command: Command): Seen {
  const outcome: Outcome = cluster.try(command);
  return outcome.ok ? [] : [`Error: ${outcome.error?.message}`];
}

function quiet(): Line {
  return new Line().exitOverride();
}
