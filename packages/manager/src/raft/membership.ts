/**
 * The configurations a log holds (thesis 4.1): a configuration entry is in effect as soon as it is
 * appended, committed or not, so what is in effect is a function of the log alone and rolls back
 * with it.
 *
 *   M1. `effective` is the last configuration in the log; `committed` the last at or below the
 *       commit index.
 *   M2. The history begins with the configuration at the snapshot's index.
 */
import { must } from "@skein/common/assert";
import type { LogIndex } from "@skein/common/ids";
import type { Result } from "@skein/common/result";
import { decode } from "@skein/common/wire/codec";
import type { DecodeError } from "@skein/common/wire/schema";
import type { Configuration, Entry, SnapshotMeta } from "./protocol.ts";
import { configurationSchema } from "./protocol.ts";

export interface ConfigurationAt {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** Ascending by index, never empty. */
export type ConfigurationHistory = readonly ConfigurationAt[];

export function historyOf(snapshot: SnapshotMeta): ConfigurationHistory {
  return [{ index: snapshot.index, configuration: snapshot.configuration }];
}

export function decodeConfiguration(entry: Entry): Result<Configuration, DecodeError> {
  return decode(configurationSchema, entry.data);
}

/** The history after `entries` were appended; their configurations are known to decode. */
export function extendHistory(
  history: ConfigurationHistory,
  entries: readonly Entry[],
): ConfigurationHistory {
  const added: ConfigurationAt[] = [];
  for (const entry of entries) {
    if (entry.kind !== "config") continue;
    const decoded = decodeConfiguration(entry);
    const configuration = must(decoded.ok ? decoded.value : undefined, `config ${entry.index}`);
    added.push({ index: entry.index, configuration });
  }
  return added.length === 0 ? history : [...history, ...added];
}

/** The history after the log was truncated at `from` (M1: the rollback). */
export function rollBackHistory(
  history: ConfigurationHistory,
  from: LogIndex,
): ConfigurationHistory {
  return history.filter((at) => at.index < from);
}

/** The history after the log was compacted under `snapshot` (M2). */
export function compactHistory(
  history: ConfigurationHistory,
  snapshot: SnapshotMeta,
): ConfigurationHistory {
  return [...historyOf(snapshot), ...history.filter((at) => at.index > snapshot.index)];
}

/** Where the configuration in effect stands in the log; the snapshot's index for the oldest. */
export function effectiveIndexOf(history: ConfigurationHistory): LogIndex {
  return must(history.at(-1), "configuration").index;
}

export function effectiveOf(history: ConfigurationHistory): Configuration {
  return must(history.at(-1), "configuration").configuration;
}

/** The configuration in effect at `index`: what a snapshot of that index must carry. */
export function configurationAt(history: ConfigurationHistory, index: LogIndex): Configuration {
  const found = history.findLast((at) => at.index <= index);
  return must(found, "the configuration at an index").configuration;
}
