/** What the parts of a stack's deployment share: what is asked, and what each of them adds. */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { Tree } from "@skein/common/compose/tree";
import type { Stack as StackRow } from "@skein/common/model/stack";
import type { CommandOf } from "../../store/command.ts";
import type { ClusterView } from "../../store/view.ts";

export type Step = CommandOf<"write-stack">["steps"][number];

/** What happens to one object, for the user. */
export interface StackChange {
  readonly kind: "service" | "network" | "config";
  readonly name: string;
  readonly action: "create" | "update" | "keep" | "remove";
}

/** A part of a deployment: its steps, and what they mean. */
export interface StackPart {
  readonly steps: readonly Step[];
  readonly changes: readonly StackChange[];
}

export interface StackContents {
  readonly configs: ReadonlyMap<string, Uint8Array>;
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

export interface StackRequest {
  readonly name: string;
  readonly compose: Tree;
  /** Undefined: those of `revision`, which are in the cluster already. */
  readonly contents: StackContents | undefined;
  /** On a way back: whose files are used. */
  readonly revision?: StackRow["revisions"][number];
  readonly note: string;
}

export interface StackContext {
  readonly view: ClusterView;
  readonly newId: () => string;
  readonly defaultDirectory: string | undefined;
}

export function stackByName(view: ClusterView, name: string): StackRow | undefined {
  return view.stacks.list().find((stack) => stack.name === name);
}

export function isOf(name: string, labels: Readonly<Record<string, string>>): boolean {
  return labels[STACK_LABEL] === name;
}
