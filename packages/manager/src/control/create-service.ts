/** POST /services/create: a spec -> the command that makes the service. */
import type { NetworkId } from "@skein/common/ids";
import { serviceId } from "@skein/common/ids";
import type { PortSpec } from "@skein/common/model/service";
import { ok } from "@skein/common/result";
import type { CommandOf } from "../store/command.ts";
import type { Checked } from "./api-error.ts";
import { readServiceSpec } from "./engine/service-spec.ts";

export interface ServiceWrite<Kind extends "create-service" | "update-service"> {
  readonly command: CommandOf<Kind>;
  readonly warnings: readonly string[];
  /** Published ports the cluster did not serve for this service before: they must be free. */
  readonly newPorts: readonly number[];
}

export interface CreateContext {
  readonly newId: string;
  readonly defaultDirectory: string | undefined;
  readonly network: (reference: string) => Checked<NetworkId>;
}

export function createService(
  body: unknown,
  context: CreateContext,
): Checked<ServiceWrite<"create-service">> {
  const read = readServiceSpec(body, {
    verb: "create",
    defaultName: randomName(context.newId),
    defaultDirectory: context.defaultDirectory,
    network: context.network,
  });
  if (!read.ok) return read;
  const { spec, warnings } = read.value;
  const id = serviceId(context.newId);
  const newPorts = ingressPorts(spec.ports).filter((port) => port !== 0);
  return ok({ command: { kind: "create-service", serviceId: id, spec }, warnings, newPorts });
}

/** A service without a name gets one people can say, drawn from its id. */
function randomName(id: string): string {
  const number = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7);
  const mood = MOODS[number % MOODS.length] ?? "grey";
  const bird = BIRDS[Math.floor(number / MOODS.length) % BIRDS.length] ?? "goose";
  return `${mood}_${bird}_${id.slice(0, 4)}`;
}

const MOODS = ["brave", "calm", "early", "fair", "keen", "quick", "steady", "swift"] as const;
const BIRDS = ["brant", "crane", "gander", "goose", "heron", "pelican", "stork", "swan"] as const;

/** Host-mode ports are the nodes' own: whether one is free there is the scheduler's question. */
export function ingressPorts(ports: readonly PortSpec[]): readonly number[] {
  return ports.filter(({ mode }) => mode === "ingress").map(({ publishedPort }) => publishedPort);
}
