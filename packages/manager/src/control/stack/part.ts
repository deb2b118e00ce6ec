/** What the parts of a stack's deployment share: what is asked, and what each of them adds. */
import { STACK_LABEL } from "@skein/common/compose/engine-spec";
import type { Tree } from "@skein/common/compose/tree";
import type { SecretId } from "@skein/common/ids";
import type { Secret } from "@skein/common/model/secret";
import type { Stack as StackRow } from "@skein/common/model/stack";
import type { Sealed } from "@skein/common/model/trust";
import type { Result } from "@skein/common/result";
import type { CommandOf } from "../../store/command.ts";
import type { ClusterView } from "../../store/view.ts";

export type Step = CommandOf<"write-stack">["steps"][number];

/** What happens to one object, for the user. */
export interface StackChange {
  readonly kind: "service" | "network" | "config" | "secret";
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

/** Seals values of secrets, and knows those that are kept. The error is why it cannot. */
export interface SecretBox {
  readonly seal: (id: SecretId, value: Uint8Array) => Result<Sealed, string>;
  readonly holds: (secret: Secret, value: Uint8Array) => Result<boolean, string>;
}

export interface StackContext {
  readonly view: ClusterView;
  readonly newId: () => string;
  readonly secrets: SecretBox;
  readonly defaultDirectory: string | undefined;
}

export function stackByName(view: ClusterView, name: string): StackRow | undefined {
  return view.stacks.list().find((stack) => stack.name === name);
}

export function isOf(name: string, labels: Readonly<Record<string, string>>): boolean {
  return labels[STACK_LABEL] === name;
}
