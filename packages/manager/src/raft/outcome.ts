/**
 * What one step hands to the driver, in the order that the driver's two rules need.
 *
 *   O1. `install-snapshot`, then `persist`, then everything that may depend on it: whatever is
 *       marked `after-durable` follows the persist effect that it waits for. At most one persist
 *       effect a step.
 *   O2. A change of role is told before entries are applied, so that waiting proposals learn of a
 *       lost leadership before others' entries go by; `ready` is told after the entry that makes it
 *       true.
 *   O3. `apply` holds entries that are committed and durable here, each once, a bounded page a
 *       step.
 */
import { assert } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import { toIndex } from "./log.ts";
import type { Configuration, RaftEffect } from "./protocol.ts";
import { takeReadyReads } from "./read-index.ts";
import type { RaftState } from "./state.ts";
import { effective } from "./state.ts";

type RoleEffect = Extract<RaftEffect, { readonly kind: "role" }>;

/** What the driver was last told. */
export interface Told {
  role: RoleEffect | undefined;
  configuration: Configuration | undefined;
}

export function takeEffects(state: RaftState, told: Told): readonly RaftEffect[] {
  const effects: RaftEffect[] = [];
  if (state.installed !== undefined) {
    effects.push({ kind: "install-snapshot", meta: state.installed });
  }
  pushPersist(state, effects);
  pushConfiguration(state, told, effects);
  pushRole(state, told, effects);
  for (const effect of state.outbox) effects.push(effect);
  state.outbox = [];
  pushApply(state, effects);
  pushRole(state, told, effects); // O2
  effects.push(...takeReadyReads(state));
  return effects;
}

/**
 * The last entry that may be applied: committed, and not lost with this member's next crash (O3).
 */
export function applicable(state: RaftState): LogIndex {
  return state.commit < state.log.durable ? state.commit : state.log.durable;
}

function pushPersist(state: RaftState, effects: RaftEffect[]): void {
  const { log, installed } = state;
  if (!state.hardStateChanged && !log.hasUnsaved() && installed === undefined) return;
  state.persistsIssued += 1;
  const { term, votedFor, commit } = state;
  const hardState = votedFor === undefined ? { term, commit } : { term, votedFor, commit };
  const persist = {
    kind: "persist",
    hardState,
    entries: log.takeUnsaved(state.persistsIssued),
  } as const;
  effects.push(installed === undefined ? persist : { ...persist, snapshot: installed });
  state.hardStateChanged = false;
  state.installed = undefined;
}

function pushConfiguration(state: RaftState, told: Told, effects: RaftEffect[]): void {
  const configuration = effective(state);
  if (configuration === told.configuration) return;
  told.configuration = configuration;
  effects.push({ kind: "configuration", configuration });
}

function pushRole(state: RaftState, told: Told, effects: RaftEffect[]): void {
  const { role, term, leader } = state;
  const ready = role.kind === "leader" && state.applied >= role.noopIndex;
  const last = told.role;
  const same = last !== undefined && last.role === role.kind && last.term === term;
  if (same && last.leader === leader && last.ready === ready) return;
  const base = { kind: "role", role: role.kind, term, ready } as const;
  told.role = leader === undefined ? base : { ...base, leader };
  effects.push(told.role);
}

function pushApply(state: RaftState, effects: RaftEffect[]): void {
  const to = applicable(state);
  if (to <= state.applied) return;
  const { applyBytesMax, applyEntriesMax } = state.limits;
  const from = toIndex(state.applied + 1);
  const limits = { bytesMax: applyBytesMax, entriesMax: applyEntriesMax };
  const entries = state.log.batch(from, to, limits);
  state.applied = toIndex(state.applied + entries.length);
  assert(state.applied <= state.commit, `applied ${state.applied} > commit ${state.commit}`);
  effects.push({ kind: "apply", entries });
}
