/**
 * How the driver treats Raft's effects: persisted by the log, sent now or when durable, performed.
 */
import type { EffectTiming, Host } from "@skein/common/host/driver";
import type { RaftEffect, RaftInput } from "../raft/protocol.ts";
import type { PersistEffect, RaftStorage } from "../wal/raft-storage.ts";
import type { DiskWatch } from "./disk-watch.ts";

export interface RaftHostOptions {
  readonly storage: RaftStorage;
  /** Told of every write of the log; absent where nobody would act on it. */
  readonly watch?: Pick<DiskWatch, "writeBegan" | "writeEnded">;
  perform(effect: RaftEffect): void;
  fatal(reason: string): void;
}

export function createRaftHost(options: RaftHostOptions): Host<RaftEffect, RaftInput> {
  return {
    timing: timingOf,
    perform: (effect) => options.perform(effect),
    persist: (batch, done) => {
      options.watch?.writeBegan();
      options.storage.persist(batch.filter(isPersist), (error) => {
        options.watch?.writeEnded();
        done(error);
      });
    },
    persisted: (upTo) => ({ kind: "persisted", upTo }),
    failed: (error) => options.fatal(`the log cannot be written: ${error}`),
  };
}

function isPersist(effect: RaftEffect): effect is PersistEffect {
  return effect.kind === "persist";
}

function timingOf(effect: RaftEffect): EffectTiming {
  if (effect.kind === "persist") return "persist";
  return effect.kind === "send" ? effect.timing : "now";
}
