/** Bugs planted into the write-ahead log and the store. */
import type { PlantedBug } from "./planted-bug.ts";

const WAL = "packages/manager/src/wal";
const STORE = "packages/manager/src/store";
const SIMULATOR = { kind: "simulator", seeds: 24 } as const;
const RAFT_SIMULATOR = { kind: "raft simulator", seeds: 40 } as const;
const CRASHES = {
  kind: "tests",
  files: ["test/sim/wal/crash-explorer.test.ts"],
} as const;

export const WAL_BUGS: readonly PlantedBug[] = [
  {
    name: "the log is not synced",
    edits: [
      {
        file: `${WAL}/segment-log.ts`,
        from: `files.replace(segmentName(sequence), "create-synced", (error, file) => {`,
        to: `files.replace(segmentName(sequence), "create", (error, file) => {`,
      },
      {
        file: `${WAL}/spare-segment.ts`,
        from: `"create-synced"`,
        to: `"create"`,
      },
    ],
    why: "a power cut takes acknowledged writes",
    hunt: SIMULATOR,
  },
  {
    name: "a batch is told durable before it is written",
    edits: [
      {
        file: `${WAL}/log-storage.ts`,
        from: "    this.#segments.append({ records, before: this.#end }, (error, segment) => {\n",
        to: `    for (const job of jobs) job.done(undefined);
    this.#segments.append({ records, before: this.#end }, (error, segment) => {\n`,
      },
      {
        file: `${WAL}/log-storage.ts`,
        from: "      for (const job of jobs) job.done(this.#failure);\n      this.#flush();",
        to: "      this.#flush();",
      },
    ],
    why: "a power cut takes acknowledged writes",
    hunt: RAFT_SIMULATOR,
  },
  {
    name: "a full disk is a failed disk",
    edits: [
      {
        file: `${WAL}/log-storage.ts`,
        from: `      if (error?.code === "no-space" && this.#closing === undefined) {\n`,
        to: `      if (error?.code === "exists" && this.#closing === undefined) {\n`,
      },
    ],
    why: "managers end one after the other, as their disks fill",
    hunt: { kind: "tests", files: ["test/sim/full-disk.test.ts"] },
  },
  {
    name: "a batch without its end counts",
    edits: [
      {
        file: `${WAL}/batch.ts`,
        from: "    if (found === undefined || !sameStamp(found.stamp, stamp)) {\n",
        to: `    if (found === undefined || !sameStamp(found.stamp, stamp)) {
      if (records.length > 0) {
        return { ok: true, batch: { batch: stamp.batch, start, end: at, records } };
      }\n`,
      },
    ],
    why: "half a batch is taken for a whole one: a term without its vote",
    hunt: CRASHES,
  },
  {
    name: "a damaged payload counts",
    edits: [
      {
        file: `${WAL}/batch.ts`,
        from: "    if (!found.payloadSumIsRight) return",
        to: "    if (!found.payloadSumIsRight && at < 0) return",
      },
      {
        file: `${WAL}/batch.ts`,
        from: "  return payloadSum === expected.sum && record.payload.length === 0;",
        to: "  return record.payload.length === 0;",
      },
    ],
    why: "a torn write is applied",
    hunt: { kind: "tests", files: ["test/sim/wal/damage.test.ts"] },
  },
  {
    name: "a replaced tail keeps one entry too many",
    edits: [
      {
        file: `${WAL}/log-fold.ts`,
        from: "      this.#entries.length = entry.index - base.index - 1;\n",
        to: "      this.#entries.length = entry.index - base.index;\n",
      },
    ],
    why: "an entry that another leader replaced comes back after a restart",
    hunt: CRASHES,
  },
  {
    name: "a replaced tail is kept whole",
    edits: [
      {
        file: `${WAL}/log-fold.ts`,
        from: "      this.#entries.length = entry.index - base.index - 1;\n",
        to: "      this.#entries[entry.index - base.index - 1] = entry;\n      return undefined;\n",
      },
    ],
    why: "entries behind a conflict come back after a restart",
    hunt: CRASHES,
  },
  {
    name: "what only the page cache knows is trusted",
    edits: [
      {
        file: `${WAL}/recovery.ts`,
        from: "    if (rewrite === undefined) return syncNames();\n",
        to: "    if (rewrite === undefined || rewrite.position >= 0) return syncNames();\n",
      },
    ],
    why: "a process dies before its sync, its successor vouches for the batch, the power goes",
    hunt: CRASHES,
  },
  {
    name: "names are not synced",
    edits: [
      {
        file: `${WAL}/log-files.ts`,
        from: "    this.#disk.syncDirectory(this.#directory, done);\n",
        to: "    this.#disk.list(this.#directory, (error) => done(error));\n",
      },
    ],
    why: "a whole segment is gone after a power cut (raft-wal)",
    hunt: SIMULATOR,
  },
  {
    name: "after a failed write the log goes on",
    edits: [
      {
        file: `${WAL}/log-storage.ts`,
        from: "    this.#failure = error.message;\n",
        to: "",
      },
    ],
    why: "the kernel drops what it could not write, and the next sync says that all is well",
    hunt: RAFT_SIMULATOR,
  },
  {
    name: "damage before the last batch is taken for a torn tail",
    edits: [
      {
        file: `${WAL}/replay.ts`,
        from: "  if (damage === undefined || damage.newest <= damage.batch) return undefined;\n",
        to: "  if (damage === undefined || damage.newest >= 0) return undefined;\n",
      },
    ],
    why: "acknowledged entries are dropped without a word",
    hunt: { kind: "tests", files: ["test/sim/wal/damage.test.ts"] },
  },
  {
    name: "a received snapshot is told before it is durable",
    edits: [
      {
        file: "packages/manager/src/shell/manager.ts",
        from: `    this.#ports.storage.saveSnapshot(meta, state, (error) => {
      stored(error === undefined);
      if (error !== undefined || this.#closed) return;
      this.#arrived = snapshot;
      this.#driver.submit({ kind: "snapshot-received", from, term, meta });
    });`,
        to: `    this.#arrived = snapshot;
    this.#driver.submit({ kind: "snapshot-received", from, term, meta });
    this.#ports.storage.saveSnapshot(meta, state, (error) => stored(error === undefined));`,
      },
    ],
    why: "the log restarts behind a snapshot that a crash takes away",
    hunt: SIMULATOR,
  },
];

export const STORE_BUGS: readonly PlantedBug[] = [
  {
    name: "an update does not look at the version",
    edits: [
      {
        file: `${STORE}/apply/update-config.ts`,
        from: "  if (command.version !== config.version) return versionConflict();\n",
        to: "",
      },
    ],
    why: "of two clients that change one object at a time, one loses its change unnoticed",
    hunt: SIMULATOR,
  },
  {
    name: "a repeated request takes effect again",
    edits: [
      {
        file: `${STORE}/store.ts`,
        from: "this.#requests.repeated(request, command)",
        to: "undefined",
      },
    ],
    why: "a client that asks again is told that its own write stands in its way",
    hunt: SIMULATOR,
  },
  {
    name: "a snapshot forgets the answered requests",
    edits: [
      {
        file: `${STORE}/store.ts`,
        from: "    this.#requests.reset(requests);\n",
        to: "    this.#requests.reset(requests.slice(0, 0));\n",
      },
    ],
    why: "a repeated request takes effect again on the replicas that were restored",
    hunt: SIMULATOR,
  },
  {
    name: "a snapshot forgets where the search for addresses stands",
    edits: [
      {
        file: `${STORE}/store.ts`,
        from: "    this.#tables.setAddressCursor(head.addressCursor);\n    this.#tables.advance",
        to: "    this.#tables.advance",
      },
    ],
    why: "replicas give one task different addresses",
    hunt: SIMULATOR,
  },
  {
    name: "each replica makes its own state of a command",
    edits: [
      {
        file: `${STORE}/draft.ts`,
        from: "      createdAt: this.facts.wall,\n",
        to: "      createdAt: this.facts.wall + Math.floor(Math.random() * 2),\n",
      },
    ],
    why: "what is read depends on who is asked",
    hunt: SIMULATOR,
  },
  {
    name: "a manager that went astray serves on",
    edits: [
      {
        file: "packages/manager/src/shell/state-audit.ts",
        from: "        fatal(\n",
        to: "        String(\n",
      },
    ],
    why: "what is read depends on who is asked, and nobody hears of it",
    hunt: { kind: "tests", files: ["test/sim/diverged.test.ts"] },
  },
  {
    name: "a slot's generation is not looked at",
    edits: [
      {
        file: `${STORE}/apply/fill-slots.ts`,
        from: `  if ((slot?.generation ?? 0) !== item.generation) return "slot has moved on";\n`,
        to: "",
      },
    ],
    why: "a decision of a former leader replaces a task that runs well",
    hunt: { kind: "tests", files: [`${STORE}/apply/tasks.test.ts`] },
  },
  {
    name: "an address is given that is still held",
    edits: [
      {
        file: `${STORE}/addresses.ts`,
        from: "    if (!isHeld(address)) return",
        to: "    if (!isHeld(address) || step >= 0) return",
      },
      { file: `${STORE}/addresses.ts`, from: "cursor: host + 1 }", to: "cursor: host }" },
    ],
    why: "two tasks answer at one address",
    hunt: SIMULATOR,
  },
  {
    name: "an address is given again at once",
    edits: [
      {
        file: `${STORE}/addresses.ts`,
        from: "  const start = Math.max(0, cursor - FIRST_HOST);\n",
        to: "  const start = Math.max(0, cursor * 0 - FIRST_HOST);\n",
      },
    ],
    why: "a late packet for a task that ended meets its successor",
    hunt: { kind: "tests", files: [`${STORE}/addresses.test.ts`] },
  },
  {
    name: "a watch that resumes is told twice",
    edits: [
      {
        file: `${STORE}/store.ts`,
        from: "    this.#history.add(changes);\n",
        to: "    this.#history.add(changes);\n    this.#history.add(changes);\n",
      },
    ],
    why: "a client that counts changes counts wrong after its connection broke",
    hunt: SIMULATOR,
  },
  {
    name: "a watch is not told of a restored snapshot",
    edits: [
      {
        file: `${STORE}/store.ts`,
        from: "this.#tell(writes.filter(isNews).map(",
        to: "void (writes.filter(isNews).map(",
      },
    ],
    why: "who watches a follower that was away misses what happened meanwhile",
    hunt: SIMULATOR,
  },
  {
    name: "a handler throws",
    edits: [
      {
        file: `${STORE}/apply/remove-config.ts`,
        from: "  draft.configs.remove(configId);\n",
        to: `  draft.configs.remove(configId);
  if (facts.index % 7 === 0) throw new Error("planted");\n`,
      },
    ],
    why: "it is contained and told as a bug, which no run of the simulator may see",
    hunt: SIMULATOR,
  },
];
