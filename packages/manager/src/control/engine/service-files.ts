/**
 * `--secret` and `--config` of a service: which files its tasks find. Docker mounts them at
 * /run/secrets and at absolute paths; a plain process finds them below SKEIN_SECRETS_DIR and
 * SKEIN_CONFIGS_DIR, an absolute path without its first slash.
 */
import type { TaskFile } from "@skein/common/model/secret";
import type { EngineContainerSpec } from "./service-shape.ts";

type Reference = NonNullable<EngineContainerSpec["Secrets"]>[number]["File"];

export function readFiles(container: EngineContainerSpec): {
  readonly files?: readonly TaskFile[];
} {
  const secrets = (container.Secrets ?? []).map(({ SecretID = "", SecretName = "", File }) =>
    toFile({ kind: "secret", id: SecretID, name: SecretName }, File),
  );
  const configs = (container.Configs ?? []).map(({ ConfigID = "", ConfigName = "", File }) =>
    toFile({ kind: "config", id: ConfigID, name: ConfigName }, File),
  );
  const files = [...secrets, ...configs];
  return files.length === 0 ? {} : { files };
}

/** Undefined: every file has a place of its own, and is of a secret or config that is named. */
export function whyNotFiles(container: EngineContainerSpec): string | undefined {
  const { files = [] } = readFiles(container);
  const seen = new Set<string>();
  for (const { kind, id, name, target } of files) {
    if (id === "" || name === "") return `malformed ${kind} reference`;
    if (target === "" || target.split("/").includes("..")) {
      return `${kind} ${name}: invalid target ${JSON.stringify(target)}`;
    }
    const place = `${kind} ${target}`;
    if (seen.has(place)) return `${kind} references have a conflicting target: '${target}'`;
    seen.add(place);
  }
  return undefined;
}

function toFile(what: Pick<TaskFile, "kind" | "id" | "name">, file: Reference): TaskFile {
  const target = (file?.Name ?? "") === "" ? what.name : (file?.Name ?? "");
  return {
    ...what,
    target: target.replace(/^\/+/, ""),
    uid: file?.UID ?? "0",
    gid: file?.GID ?? "0",
    mode: file?.Mode ?? 0o444,
  };
}
