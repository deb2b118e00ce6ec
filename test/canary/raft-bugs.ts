/** Bugs planted into Raft and into the driver that owns "persist before send". */
import type { PlantedBug } from "./planted-bug.ts";

const RAFT = "packages/manager/src/raft";
const SIMULATOR = { kind: "simulator", seeds: 24 } as const;
const RAFT_SIMULATOR = { kind: "raft simulator", seeds: 40 } as const;
const STORM = { kind: "storm", seeds: 150 } as const;

export const RAFT_BUGS: readonly PlantedBug[] = [
  {
    name: "a follower's vote is cleared by every change of role",
    edits: [
      {
        file: `${RAFT}/role.ts`,
        from: `  const left = state.role;\n`,
        to: `  const left = state.role;\n  state.votedFor = undefined;\n`,
      },
    ],
    why: "a candidate that steps down votes twice in one term: two leaders (CCF 5891)",
    hunt: STORM,
  },
  {
    name: "a vote is not written",
    edits: [
      {
        file: `${RAFT}/state.ts`,
        from: `  state.votedFor = candidate;\n  state.hardStateChanged = true;`,
        to: `  state.votedFor = candidate;`,
      },
    ],
    why: "after a crash the member votes again in the same term",
    hunt: STORM,
  },
  {
    name: "a vote goes to a shorter log",
    edits: [
      {
        file: `${RAFT}/election.ts`,
        from: "(other.lastTerm === lastTerm && other.lastIndex >= last)",
        to: "other.lastTerm === lastTerm",
      },
    ],
    why: "a leader without acknowledged entries overwrites them",
    hunt: STORM,
  },
  {
    name: "a vote goes to an older log",
    edits: [
      {
        file: `${RAFT}/election.ts`,
        from: "other.lastTerm > lastTerm || (",
        to: "other.lastIndex >= last || (",
      },
    ],
    why: "comparing the length alone lets a long log of an old term win",
    hunt: STORM,
  },
  {
    name: "a candidate asks for votes before its own is durable",
    edits: [
      {
        file: `${RAFT}/election.ts`,
        from: `...lastLog(state), force }, "after-durable");`,
        to: `...lastLog(state), force }, "now");`,
      },
    ],
    why: "after a crash it votes again in that term, for another",
    hunt: SIMULATOR,
  },
  {
    name: "pre-votes ignore a leader that is heard",
    edits: [
      {
        file: `${RAFT}/election.ts`,
        from: "!hearsLeader(state, leaseMs) && isUpToDate(state, message)",
        to: "isUpToDate(state, message)",
      },
    ],
    why: "one member behind a broken link deposes the leader again and again",
    hunt: {
      kind: "tests",
      files: ["test/paper/raft/9.6-pre-vote.test.ts", `${RAFT}/election.test.ts`],
    },
  },
  {
    name: "votes ignore a leader that is heard",
    edits: [
      {
        file: `${RAFT}/election.ts`,
        from: "return message.force || !hearsLeader(state, state.limits.electionTimeoutMsMin);",
        to: "return true;",
      },
    ],
    why: "a removed or stray member deposes a working leader (thesis 4.2.3)",
    hunt: { kind: "tests", files: [`${RAFT}/election.test.ts`] },
  },
  {
    name: "an append acknowledges the end of the log",
    edits: [
      {
        file: `${RAFT}/append-entries.ts`,
        from: "acceptUpTo(state, from, verified > state.commit ? verified : state.commit);",
        to: "acceptUpTo(state, from, state.log.last);",
      },
    ],
    why: "what lies behind the verified range is another leader's (CCF ackuracy)",
    hunt: STORM,
  },
  {
    name: "a follower commits beyond what was verified",
    edits: [
      {
        file: `${RAFT}/append-entries.ts`,
        from: "const commit = message.commit < verified ? message.commit : verified; // F3",
        to: "const commit = message.commit < state.log.last ? message.commit : state.log.last;",
      },
      {
        file: `${RAFT}/replication.ts`,
        from: "  const commit = last < state.commit ? last : state.commit;\n",
        to: "  const commit = state.commit;\n",
      },
    ],
    why: "it applies entries of a former leader that never committed (CCF 8172)",
    hunt: { kind: "storm", seeds: 450 },
  },
  {
    name: "a late append cuts the log",
    edits: [
      {
        file: `${RAFT}/append-entries.ts`,
        from: "state.log.termAt(entry.index) !== entry.term",
        to: "entry.index > state.commit",
      },
    ],
    why: "entries that were acknowledged go with a duplicate of an older message (async-raft)",
    hunt: STORM,
  },
  {
    name: "entries of older terms commit by counting",
    edits: [
      {
        file: `${RAFT}/replication.ts`,
        from: "  if (state.log.termAt(index) !== state.term) return;\n",
        to: "",
      },
    ],
    why: "figure 3.7: a majority alone does not save an entry of an older term",
    hunt: STORM,
  },
  {
    name: "the leader counts itself before its disk",
    edits: [
      {
        file: `${RAFT}/replication.ts`,
        from: "id === state.id ? state.log.durable : (leader.peers.get(id)?.match ?? 0),",
        to: "id === state.id ? state.log.last : (leader.peers.get(id)?.match ?? 0),",
      },
    ],
    why: "an acknowledged write is lost with the next power cut (etcd 14370)",
    hunt: SIMULATOR,
  },
  {
    name: "a heartbeat's answer advances what is known to match",
    edits: [
      {
        file: `${RAFT}/heartbeat.ts`,
        from: "  if (round > peer.round && round <= leader.round) peer.round = round;\n",
        to: `  if (round > peer.round && round <= leader.round) peer.round = round;
  if (peer.state === "replicate") peer.match = (peer.next - 1) as LogIndex;\n`,
      },
    ],
    why: "entries that no quorum holds commit (RATIS-2605)",
    hunt: SIMULATOR,
  },
  {
    name: "acknowledgements of an older term count",
    edits: [
      {
        file: `${RAFT}/raft.ts`,
        from: "  if (message.term < state.term) return receiveStale(state, from, message);\n",
        to: `  if (message.term < state.term && message.kind !== "append-response") {
    return receiveStale(state, from, message);
  }\n`,
      },
    ],
    why: "they vouch for a log that another leader has replaced since",
    hunt: { kind: "tests", files: [`${RAFT}/replication.test.ts`] },
  },
  {
    name: "a rejection moves the stream behind what is acknowledged",
    edits: [
      {
        file: `${RAFT}/progress.ts`,
        from: "  peer.next = next > peer.match ? next : toIndex(peer.match + 1); // P1\n",
        to: "  peer.next = next;\n",
      },
      {
        file: `${RAFT}/replication.ts`,
        from: `if (peer.state === "snapshot" || message.index <= peer.match) return; // A3`,
        to: `if (peer.state === "snapshot") return;`,
      },
    ],
    why: "stale rejections make the leader forget what it knew (CCF rollback)",
    hunt: STORM,
  },
  {
    name: "entries are applied before they are durable",
    edits: [
      {
        file: `${RAFT}/outcome.ts`,
        from: "  return state.commit < state.log.durable ? state.commit : state.log.durable;",
        to: "  return state.commit;",
      },
    ],
    why: "after a crash the state machine is ahead of its own log",
    hunt: SIMULATOR,
  },
  {
    name: "a completed write makes its successor's entries durable",
    edits: [
      {
        file: `${RAFT}/log.ts`,
        from: "write.last = lesser(write.last, last); // L3",
        to: "write.last = lesser(write.last, write.last);",
      },
      {
        file: `${RAFT}/log.ts`,
        from: "    assert(this.#durable <= this.last, ",
        to: `    if (this.#durable > this.last) this.#durable = this.last;
    void (this.#durable <= this.last, `,
      },
    ],
    why: "the completion of an overwritten entry vouches for the new one (etcd's ABA race)",
    hunt: STORM,
  },
  {
    name: "messages leave before the disk has what they say",
    edits: [
      {
        file: "packages/common/src/host/driver.ts",
        from: `timing === "after-durable" && this.#durable < this.#issued`,
        to: `timing === "after-durable" && this.#durable < 0`,
      },
    ],
    why: "votes and acknowledgements are forgotten with the next power cut",
    hunt: SIMULATOR,
  },
  {
    name: "held messages leave with the first sync",
    edits: [
      {
        file: "packages/common/src/host/driver.ts",
        from: "      if (held.until > this.#durable) break;\n",
        to: "",
      },
    ],
    why: "what a later batch holds is vouched for when an earlier one is durable",
    hunt: SIMULATOR,
  },
  {
    name: "reads are answered without a round",
    edits: [
      {
        file: `${RAFT}/read-index.ts`,
        from: "if (registered === undefined || registered.round > confirmed) waiting.push(item);",
        to: "if (registered === undefined || confirmed < 0) waiting.push(item);",
      },
    ],
    why: "a deposed leader that does not know it yet serves old values as fresh",
    hunt: STORM,
  },
  {
    name: "reads are confirmed by a round that began before them",
    edits: [
      {
        file: `${RAFT}/read-index.ts`,
        from: "round: leader.round + 1 }; // I1, I2",
        to: "round: leader.round };",
      },
    ],
    why: "a late answer confirms a read that began after it was sent (etcd 20418)",
    hunt: STORM,
  },
  {
    name: "a new leader reads before it has committed in its term",
    edits: [
      {
        file: `${RAFT}/read-index.ts`,
        from: "  if (state.commit >= leader.noopIndex) {\n",
        to: "  if (state.commit >= 0) {\n",
      },
    ],
    why: "its commit index lags behind what its predecessor acknowledged (etcd 7331)",
    hunt: STORM,
  },
  {
    name: "a read is answered before its index is applied",
    edits: [
      {
        file: `${RAFT}/read-index.ts`,
        from: "const ready = confirmed.filter((waiting) => waiting.index <= state.applied);",
        to: "const ready = confirmed;",
      },
      {
        file: `${RAFT}/read-index.ts`,
        from: "confirmed.filter((waiting) => waiting.index > state.applied)",
        to: "[]",
      },
      {
        file: "packages/manager/src/shell/reads.ts",
        from: "    if (applied >= index) this.#answer(token, ok(undefined));",
        to: "    if (applied >= 0) this.#answer(token, ok(undefined));",
      },
    ],
    why: "a follower that lags serves the past",
    hunt: SIMULATOR,
  },
  {
    name: "a received snapshot drops the log that it is part of",
    edits: [
      {
        file: `${RAFT}/snapshot.ts`,
        from: "  if (known === meta.term)\n    advanceCommitTo",
        to: "  if (known === meta.term && meta.index < 0)\n    advanceCommitTo",
      },
    ],
    why: "entries behind it that were acknowledged are gone",
    hunt: { kind: "tests", files: [`${RAFT}/snapshot.test.ts`] },
  },
  {
    name: "an old snapshot is installed",
    edits: [
      {
        file: `${RAFT}/snapshot.ts`,
        from: "  if (meta.index <= state.commit) {\n",
        to: "  if (meta.index < state.snapshot.index) {\n",
      },
      {
        file: `${RAFT}/log.ts`,
        from: "assert(base.index > commit, ",
        to: "void (base.index > commit, ",
      },
      {
        file: `${RAFT}/state.ts`,
        from: "assert(index > state.commit, ",
        to: "void (index > state.commit, ",
      },
    ],
    why: "it takes state back that was applied (etcd 10219)",
    hunt: STORM,
  },
  {
    name: "a leader without contact to a quorum stays in office",
    edits: [
      {
        file: `${RAFT}/check-quorum.ts`,
        from: "  if (age >= electionTimeoutMsMax) return true; // K2\n",
        to: `  if (age >= electionTimeoutMsMax) {
    leader.quorumCheckAt = later(state.now, electionTimeoutMsMax);
    return false;
  }\n`,
      },
    ],
    why: "the dispatcher and the controllers go on behind a cut (Cloudflare 2020)",
    hunt: SIMULATOR,
  },
  {
    name: "a transfer outlives the leadership it began in",
    edits: [
      {
        file: `${RAFT}/role.ts`,
        from: `  if (left.kind === "leader") abandonLeaderReads(state, left);\n`,
        to: `  if (left.kind === "leader") abandonLeaderReads(state, left);
  if (left.kind === "leader" && left.transfer !== undefined) {
    leaked.set(state, { ...left.transfer, deadline: Number.MAX_SAFE_INTEGER, told: true });
  }\n`,
      },
      {
        file: `${RAFT}/role.ts`,
        from: "    transfer: undefined,\n",
        to: "    transfer: leaked.get(state),\n",
      },
      {
        file: `${RAFT}/role.ts`,
        from: "function setLeader(",
        to: "const leaked = new WeakMap();\nfunction setLeader(",
      },
    ],
    why: "back in office it refuses every write for ever (hashicorp 696)",
    hunt: { kind: "tests", files: [`${RAFT}/transfer.test.ts`] },
  },
  {
    name: "a candidate appends what it is given",
    edits: [
      {
        file: `${RAFT}/replication.ts`,
        from: `  if (role.kind !== "leader") return refuse(state, token, "not-leader");\n`,
        to: `  if (role.kind === "candidate") {
    const index = toIndex(state.log.last + 1);
    state.log.append([{ index, term: state.term, kind: "command", data }]);
    state.outbox.push({ kind: "appended", token, index, term: state.term });
    return;
  }
  if (role.kind !== "leader") return refuse(state, token, "not-leader");\n`,
      },
    ],
    why: "an entry is stamped with a term that its author does not lead (hashicorp 695)",
    hunt: RAFT_SIMULATOR,
  },
];
