/** `--network` of `service create|update` and `run`: a name, or `name=…,alias=…`. */
import { InvalidArgumentError, Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import { listAt, textAt } from "../api/read.ts";
import { call } from "./calls.ts";
import type { EngineSpec } from "./spec.ts";
import { objectAt } from "./spec.ts";
import type { SpecFlag, Use } from "./spec-flag-kinds.ts";
import { listFlag } from "./spec-flag-kinds.ts";
import { keyAndValue } from "./values.ts";

interface Attachment {
  readonly Target: string;
  readonly Aliases?: readonly string[];
}

/** What `service update` is given, as the flags' readers make it. */
export interface NetworkEdits {
  readonly networkAdd?: readonly Attachment[];
  readonly networkRm?: readonly string[];
}

export const NETWORK_FLAGS: readonly SpecFlag[] = [
  attachFlag("create", "--network <network>", "overlay network, as in backend or name=a,alias=b"),
  attachFlag("update", "--network-add <network>", "attach to a network"),
  listFlag(
    { use: "update", flags: "--network-rm <network>", help: "leave a network" },
    (spec, ids) => {
      const kept = attachmentsOf(spec).filter((one) => !ids.includes(textAt(one, "Target")));
      objectAt(spec, "TaskTemplate")["Networks"] = kept;
    },
  ),
];

function attachFlag(use: Use, flags: string, help: string): SpecFlag {
  const option = new Option(flags, help).argParser(
    (value: string, previous: readonly Attachment[] = []) => [...previous, attachment(value)],
  );
  return {
    use,
    option,
    write: (spec, value) => {
      // What the parser above collects.
      const given = value as readonly Attachment[];
      const targets = given.map((one) => one.Target);
      const kept = attachmentsOf(spec).filter((one) => !targets.includes(textAt(one, "Target")));
      objectAt(spec, "TaskTemplate")["Networks"] = [...kept, ...given];
    },
  };
}

function attachmentsOf(spec: EngineSpec): readonly unknown[] {
  return listAt(spec, "TaskTemplate", "Networks");
}

function attachment(value: string): Attachment {
  if (!value.includes("=")) return { Target: value };
  const pairs = value.split(",").map(keyAndValue);
  const unknown = pairs.find(([key]) => key !== "name" && key !== "alias");
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`it has no key ${unknown[0]} (there are name, alias).`);
  }
  const name = pairs.find(([key]) => key === "name")?.[1] ?? "";
  if (name === "") throw new InvalidArgumentError("it needs name=<network>.");
  const aliases = pairs.filter(([key]) => key === "alias").map(([, alias]) => alias);
  return aliases.length === 0 ? { Target: name } : { Target: name, Aliases: aliases };
}

/** A spec names its networks by id: so must what leaves it or replaces one. */
export async function networkIds(
  api: ApiClient,
  { networkAdd, networkRm }: NetworkEdits,
  what: string,
): Promise<NetworkEdits> {
  const idOf = async (name: string): Promise<string> => {
    const path = `/networks/${encodeURIComponent(name)}`;
    return textAt(await call(api, { method: "GET", path }, what), "Id");
  };
  const added = networkAdd?.map(async (one) => ({ ...one, Target: await idOf(one.Target) }));
  return {
    ...(added === undefined ? {} : { networkAdd: await Promise.all(added) }),
    ...(networkRm === undefined ? {} : { networkRm: await Promise.all(networkRm.map(idOf)) }),
  };
}
