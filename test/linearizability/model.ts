/**
 * A config as a register: what the clients of the simulator do to one name, and what they may be
 * answered.
 *
 * Every write carries a value of its own, so that a value names its write. A config's version is
 * the log index of its last write, hence of one value: an update that read version V is a compare-
 * and-swap on the value that V belongs to. Where clients learned the version of a value, the
 * versions must grow in the order of the writes, also over a removal and a new creation of the
 * name.
 */
import type { Model, Operation } from "./checker.ts";

/** What a read found under the name. */
export interface Reading {
  readonly id: string;
  readonly value: string;
  readonly version: number;
}

export type WriteAnswer = "done" | "name-taken" | "version-conflict" | "not-found" | "unknown";

export type ConfigAction =
  | { readonly kind: "read"; readonly found: Reading | undefined }
  | {
      readonly kind: "create";
      readonly id: string;
      readonly value: string;
      readonly answer: WriteAnswer;
      /** The value's version, where the answer told it. */
      readonly version?: number;
    }
  | {
      readonly kind: "update";
      /** What the client had read before. */
      readonly from: Reading;
      readonly value: string;
      readonly answer: WriteAnswer;
      readonly version?: number;
    }
  | { readonly kind: "remove"; readonly id: string; readonly answer: WriteAnswer };

export interface ConfigState {
  readonly held: { readonly id: string; readonly value: string } | undefined;
  /** The highest version known to have been given. */
  readonly version: number;
}

/** `versions`: of the values whose version a client learned. */
export function configModel(
  versions: ReadonlyMap<string, number>,
): Model<ConfigState, ConfigAction> {
  const put = (state: ConfigState, id: string, value: string): ConfigState | undefined => {
    const version = versions.get(value);
    if (version === undefined) return { held: { id, value }, version: state.version };
    return version > state.version ? { held: { id, value }, version } : undefined;
  };
  return {
    initial: { held: undefined, version: 0 },
    step: (state, action) => {
      switch (action.kind) {
        case "read":
          return reads(state, action.found) ? state : undefined;
        case "create":
          if (!isPossible(action.answer, state.held === undefined ? "done" : "name-taken")) {
            return undefined;
          }
          return state.held === undefined ? put(state, action.id, action.value) : state;
        case "update": {
          const expected = answerToUpdate(state, action.from);
          if (!isPossible(action.answer, expected)) return undefined;
          return expected === "done" ? put(state, action.from.id, action.value) : state;
        }
        default: {
          const expected = state.held?.id === action.id ? "done" : "not-found";
          if (!isPossible(action.answer, expected)) return undefined;
          return expected === "done" ? { ...state, held: undefined } : state;
        }
      }
    },
    describeState: ({ held, version }) => `${held?.id ?? ""} ${held?.value ?? ""} ${version}`,
    describeAction,
  };
}

/** Versions that clients learned; a fault when value and version do not belong together. */
export function versionsOf(history: readonly Operation<ConfigAction>[]): {
  readonly versions: ReadonlyMap<string, number>;
  readonly fault: string | undefined;
} {
  const versions = new Map<string, number>();
  const values = new Map<number, string>();
  let fault: string | undefined;
  for (const { action } of history) {
    const learned = learnedFrom(action);
    if (learned === undefined) continue;
    const { value, version } = learned;
    const known = versions.get(value) ?? version;
    const other = values.get(version) ?? value;
    if (known !== version) fault ??= `${value} has versions ${known} and ${version}`;
    if (other !== value) fault ??= `${other} and ${value} have one version, ${version}`;
    versions.set(value, known);
    values.set(version, other);
  }
  return { versions, fault };
}

export function describeAction(action: ConfigAction): string {
  switch (action.kind) {
    case "read": {
      const { found } = action;
      return `read -> ${found === undefined ? "nothing" : describeReading(found)}`;
    }
    case "create":
      return `create ${action.id} = ${action.value} -> ${action.answer}`;
    case "update":
      return `update ${describeReading(action.from)} = ${action.value} -> ${action.answer}`;
    default:
      return `remove ${action.id} -> ${action.answer}`;
  }
}

function learnedFrom(action: ConfigAction) {
  if (action.kind === "read") return action.found;
  if (action.kind === "remove" || action.version === undefined) return undefined;
  return { value: action.value, version: action.version };
}

function describeReading({ id, value, version }: Reading): string {
  return `${id} = ${value} at ${version}`;
}

function reads({ held }: ConfigState, found: Reading | undefined): boolean {
  return held?.id === found?.id && held?.value === found?.value;
}

function answerToUpdate({ held }: ConfigState, from: Reading): WriteAnswer {
  if (held?.id !== from.id) return "not-found";
  return held.value === from.value ? "done" : "version-conflict";
}

function isPossible(answer: WriteAnswer, expected: WriteAnswer): boolean {
  return answer === expected || answer === "unknown";
}
