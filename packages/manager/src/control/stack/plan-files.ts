/**
 * Configs and secrets of a stack. Their contents never change once they are there: other contents
 * get a name of their own (`app_motd-2`), so that services roll over to them and every kept
 * revision still finds its own on the way back.
 */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { StackFile } from "@skein/common/compose/stack";
import type { StackFileRow } from "@skein/common/model/stack";
import { ok } from "@skein/common/result";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";
import type { StackContext, StackPart, StackRequest, Step } from "./part.ts";
import { isOf, stackByName } from "./part.ts";
import type { Kept, Shelf } from "./shelf.ts";
import { shelfOf } from "./shelf.ts";

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
    const shelf = shelfOf(file.kind, context);
    const planned = file.external
      ? findExternal(file, request, shelf)
      : planFile(file, request, { context, shelf });
    if (!planned.ok) return planned;
    const { id, name, step } = planned.value;
    names.set(`${file.kind}/${file.key}`, { id, name });
    if (step !== undefined) steps.push(step);
    if (file.external) continue;
    rows.push({ kind: file.kind, key: file.key, id, name });
    changes.push({ kind: shelf.noun, name, action: step === undefined ? "keep" : "create" });
  }
  return ok({ before: { steps, changes }, after: unused(request, context, rows), names, rows });
}

interface PlannedFile {
  readonly id: string;
  readonly name: string;
  readonly step?: Step;
}

function findExternal(
  file: StackFile,
  request: StackRequest,
  { noun, byName }: Shelf,
): Checked<PlannedFile> {
  const name = file.name ?? file.key;
  const found = byName(name);
  if (found !== undefined) return ok({ id: found.id, name });
  return badRequest(
    `Cannot deploy stack ${request.name}: ${noun} ${name} is external and not there: ` +
      `docker ${noun} create ${name} FILE`,
  );
}

interface Around {
  readonly context: StackContext;
  readonly shelf: Shelf;
}

function planFile(file: StackFile, request: StackRequest, around: Around): Checked<PlannedFile> {
  const { shelf, context } = around;
  if (request.contents === undefined) return findFormer(file, request, shelf);
  const what = `Cannot deploy stack ${request.name}`;
  const data = request.contents[file.kind].get(file.key);
  if (data === undefined) {
    return badRequest(`${what}: the contents of ${shelf.noun} ${file.key} are missing`);
  }
  const base = file.name ?? `${request.name}_${file.key}`;
  const taken = namesFrom(base, shelf);
  for (const kept of taken) {
    const same = shelf.holds(kept, data);
    if (!same.ok) return same;
    if (same.value) return ok({ id: kept.id, name: kept.name });
  }
  const name = numbered(base, taken.length + 1);
  const labels = { ...file.labels, [STACK_LABEL]: request.name };
  const id = context.newId();
  const step = shelf.create(id, { name, labels, data });
  return step.ok ? ok({ id, name, step: step.value }) : step;
}

/** On the way back to a revision: what it used, which is kept as long as it is. */
function findFormer(file: StackFile, request: StackRequest, shelf: Shelf): Checked<PlannedFile> {
  const row = request.revision?.files.find(({ kind, key }) => {
    return kind === file.kind && key === file.key;
  });
  const found = shelf.list().find(({ id }) => id === row?.id);
  if (found !== undefined) return ok({ id: found.id, name: found.name });
  const name = row?.name ?? file.key;
  return badRequest(
    `Cannot deploy stack ${request.name}: ${shelf.noun} ${name} is not there any more: ` +
      "deploy the file again",
  );
}

/** Those that are there of `base`, `base-2`, `base-3` … up to the first that is not. */
function namesFrom(base: string, { byName }: Shelf): readonly Kept[] {
  const found: Kept[] = [];
  for (let at = 1; ; at += 1) {
    const kept = byName(numbered(base, at));
    if (kept === undefined) return found;
    found.push(kept);
  }
}

function numbered(base: string, at: number): string {
  return at === 1 ? base : `${base}-${at}`;
}

/** The stack's configs and secrets that neither this nor a kept revision uses. */
function unused(
  request: StackRequest,
  context: StackContext,
  rows: readonly StackFileRow[],
): StackPart {
  const revisions = stackByName(context.view, request.name)?.revisions ?? [];
  const kept = new Set([...rows, ...revisions.flatMap((one) => one.files)].map(({ id }) => id));
  const gone = (["configs", "secrets"] as const).flatMap((kind) => {
    const shelf = shelfOf(kind, context);
    const left = shelf.list().filter((one) => isOf(request.name, one.labels) && !kept.has(one.id));
    return left.map((one) => ({ ...one, shelf }));
  });
  return {
    steps: gone.map(({ id, shelf }) => shelf.remove(id)),
    changes: gone.map(({ name, shelf }) => ({ kind: shelf.noun, name, action: "remove" })),
  };
}
