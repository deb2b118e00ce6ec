/**
 * Where files of a stack lie: its configs and its secrets, which differ in how contents are kept
 * and in nothing else.
 */
import { configId, secretId } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { ok } from "@skein/common/result";
import type { Checked } from "../api-error.ts";
import { refuse } from "../api-error.ts";
import { checkNewConfig } from "../engine/config.ts";
import { checkNewSecret } from "../engine/secret.ts";
import type { StackContext, Step } from "./part.ts";

/** A config or secret that is there. */
export interface Kept {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NewFile {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

export interface Shelf {
  readonly noun: "config" | "secret";
  readonly list: () => readonly Kept[];
  readonly byName: (name: string) => Kept | undefined;
  readonly holds: (kept: Kept, data: Uint8Array) => Checked<boolean>;
  readonly create: (id: string, file: NewFile) => Checked<Step>;
  readonly remove: (id: string) => Step;
}

export function shelfOf(kind: "configs" | "secrets", context: StackContext): Shelf {
  return kind === "configs" ? configShelf(context) : secretShelf(context);
}

function configShelf({ view }: StackContext): Shelf {
  return {
    noun: "config",
    list: () => view.configs.list().map(kept),
    byName: (name) => maybeKept(view.configByName(name)),
    holds: ({ id }, data) => {
      const config = view.configs.get(configId(id));
      return ok(config !== undefined && isSameData(config.spec.data, data));
    },
    create: (id, file) => {
      const spec = checkNewConfig(file);
      if (!spec.ok) return spec;
      return ok({ kind: "create-config", configId: configId(id), spec: spec.value });
    },
    remove: (id) => ({ kind: "remove-config", configId: configId(id) }),
  };
}

function secretShelf({ view, secrets }: StackContext): Shelf {
  return {
    noun: "secret",
    list: () => view.secrets.list().map(kept),
    byName: (name) => maybeKept(view.secretByName(name)),
    holds: ({ id }, data) => {
      const secret = view.secrets.get(secretId(id));
      return secret === undefined ? ok(false) : opened(secrets.holds(secret, data));
    },
    create: (id, { name, labels, data }) => {
      const checked = checkNewSecret({ name, labels, data: Buffer.from(data) });
      if (!checked.ok) return checked;
      const sealed = opened(secrets.seal(secretId(id), data));
      if (!sealed.ok) return sealed;
      const spec = { name, labels, data: sealed.value };
      return ok({ kind: "create-secret", secretId: secretId(id), spec });
    },
    remove: (id) => ({ kind: "remove-secret", secretId: secretId(id) }),
  };
}

function opened<Value>(result: Result<Value, string>): Checked<Value> {
  if (result.ok) return result;
  return refuse(503, "no-store-key", `Cannot keep a secret: ${result.error}`);
}

interface Row {
  readonly id: string;
  readonly spec: Omit<Kept, "id">;
}

function kept({ id, spec }: Row): Kept {
  return { id, name: spec.name, labels: spec.labels };
}

function maybeKept(row: Row | undefined): Kept | undefined {
  return row === undefined ? undefined : kept(row);
}

function isSameData(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
