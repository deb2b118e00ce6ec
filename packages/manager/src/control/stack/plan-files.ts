/**
 * Configs of a stack. Their contents never change once they are there: other contents get a name of
 * their own (`app_motd-2`), so that services roll over to them and every kept revision still finds
 * its own on the way back.
 */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { StackFile } from "@skein/common/compose/stack";
import { configId } from "@skein/common/ids";
import type { Config } from "@skein/common/model/config";
import type { StackFileRow } from "@skein/common/model/stack";
import { ok } from "@skein/common/result";
import type { Checked } from "../api-error.ts";
import { badRequest, unsupported } from "../api-error.ts";
import { checkNewConfig } from "../engine/config.ts";
import type { StackContext, StackPart, StackRequest, Step } from "./part.ts";
import { isOf, stackByName } from "./part.ts";

export interface FilePlan {
  readonly before: StackPart;
  readonly after: StackPart;
  /** By `configs/<key>`. */
  readonly names: ReadonlyMap<string, { readonly id: string; readonly name: string }>;
  /** For the revision. */
  readonly rows: readonly StackFileRow[];
}

export function planFiles(
  files: readonly StackFile[],
  request: StackRequest,
  context: StackContext,
): Checked<FilePlan> {
  const rows: StackFileRow[] = [];
  const names = new Map<string, { readonly id: string; readonly name: string }>();
  const steps: Step[] = [];
  const changes: StackPart["changes"][number][] = [];
  for (const file of files) {
    const planned = planFile(file, request, context);
    if (!planned.ok) return planned;
    const { id, name, step } = planned.value;
    names.set(`${file.kind}/${file.key}`, { id, name });
    if (step !== undefined) steps.push(step);
    if (file.external) continue;
    rows.push({ kind: file.kind, key: file.key, id, name });
    changes.push({ kind: "config", name, action: step === undefined ? "keep" : "create" });
  }
  return ok({ before: { steps, changes }, after: unused(request, context, rows), names, rows });
}

interface PlannedFile {
  readonly id: string;
  readonly name: string;
  readonly step?: Step;
}

function planFile(
  file: StackFile,
  request: StackRequest,
  { view, newId }: StackContext,
): Checked<PlannedFile> {
  const what = `Cannot deploy stack ${request.name}`;
  if (file.kind === "secrets") {
    return unsupported(`${what}: secrets.${file.key}: secrets are not part of stacks yet`);
  }
  const base = file.name ?? (file.external ? file.key : `${request.name}_${file.key}`);
  if (file.external || request.contents === undefined) {
    const row = request.revision?.files.find(({ kind, key }) => {
      return kind === file.kind && key === file.key;
    });
    const found = file.external ? view.configByName(base) : findById(view.configs.list(), row?.id);
    if (found !== undefined) return ok({ id: found.id, name: found.spec.name });
    const remedy = file.external ? `docker config create ${base} FILE` : "deploy the file again";
    return badRequest(`${what}: config ${base} is not there: ${remedy}`);
  }
  const data = request.contents.configs.get(file.key);
  if (data === undefined)
    return badRequest(`${what}: the contents of config ${file.key} are missing`);
  const taken = (name: string): Config | undefined => view.configByName(name);
  const same = namesFrom(base, taken).find((config) => isSameData(config.spec.data, data));
  if (same !== undefined) return ok({ id: same.id, name: same.spec.name });
  const name = freeName(base, taken);
  const labels = { ...file.labels, [STACK_LABEL]: request.name };
  const spec = checkNewConfig({ name, labels, data });
  if (!spec.ok) return spec;
  const id = newId();
  const step: Step = { kind: "create-config", configId: configId(id), spec: spec.value };
  return ok({ id, name, step });
}

/** Those that are there of `base`, `base-2`, `base-3` … up to the first that is not. */
function namesFrom(base: string, taken: (name: string) => Config | undefined): readonly Config[] {
  const found: Config[] = [];
  for (let at = 1; ; at += 1) {
    const config = taken(numbered(base, at));
    if (config === undefined) return found;
    found.push(config);
  }
}

function freeName(base: string, taken: (name: string) => Config | undefined): string {
  return numbered(base, namesFrom(base, taken).length + 1);
}

function numbered(base: string, at: number): string {
  return at === 1 ? base : `${base}-${at}`;
}

function findById(configs: readonly Config[], id: string | undefined): Config | undefined {
  return configs.find((config) => config.id === id);
}

function isSameData(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The stack's configs that neither this nor a kept revision uses. */
function unused(
  request: StackRequest,
  { view }: StackContext,
  rows: readonly StackFileRow[],
): StackPart {
  const revisions = stackByName(view, request.name)?.revisions ?? [];
  const kept = new Set([...rows, ...revisions.flatMap((one) => one.files)].map(({ id }) => id));
  const gone = view.configs.list().filter((config) => {
    return isOf(request.name, config.spec.labels) && !kept.has(config.id);
  });
  return {
    steps: gone.map(({ id }) => ({ kind: "remove-config", configId: id })),
    changes: gone.map(({ spec }) => ({ kind: "config", name: spec.name, action: "remove" })),
  };
}
