/** Bugs planted into changes of the configuration. */
import type { PlantedBug } from "./planted-bug.ts";

const RAFT = "packages/manager/src/raft";
const CHANGE = `${RAFT}/membership-change.ts`;
const STORM = { kind: "storm", seeds: 150 } as const;
const SCENARIOS = { kind: "tests", files: ["test/scenarios/membership.test.ts"] } as const;

export const MEMBERSHIP_BUGS: readonly PlantedBug[] = [
  {
    name: "a change of the configuration begins while another is open",
    edits: [
      {
        file: CHANGE,
        from: "if (pending || configuration.outgoing !== undefined) return",
        to: "if (pending && configuration.outgoing === undefined) return",
      },
    ],
    why: "two configurations that are not committed may have majorities that share nobody",
    hunt: STORM,
  },
  {
    name: "a joint configuration is left before it is committed",
    edits: [
      {
        file: CHANGE,
        from: `  if (state.commit < at || state.commit < leader.noopIndex) return;`,
        to: `  if (state.commit < leader.noopIndex) return;`,
      },
    ],
    why: "the old majority decides nothing any more, and may still elect a leader of its own",
    hunt: STORM,
  },
  {
    name: "a configuration that was replaced in the log stays in effect",
    edits: [
      {
        file: `${RAFT}/append-entries.ts`,
        from: `    state.configurations = rollBackHistory(state.configurations, first.index);\n`,
        to: "",
      },
    ],
    why: "a member counts votes and acknowledgements of a configuration that never was",
    hunt: SCENARIOS,
  },
  {
    name: "a new leader changes the configuration before it committed in its term",
    edits: [
      {
        file: CHANGE,
        from: `  if (state.commit < role.noopIndex) return "not-ready"; // M3\n`,
        to: "",
      },
    ],
    why: "the single-server bug of 2015: an older leader's change may still win",
    hunt: SCENARIOS,
  },
  {
    name: "the id of a removed member joins again",
    edits: [
      {
        file: CHANGE,
        from: `    if (removed.includes(id)) return "removed-member"; // M7\n`,
        to: "",
      },
    ],
    why: "a disk that was away, or wiped, votes twice under one name",
    hunt: SCENARIOS,
  },
  {
    name: "a removed member is heard",
    edits: [
      {
        file: CHANGE,
        from: `  return removed?.includes(id) ?? false;`,
        to: `  return (removed?.includes(id) ?? false) && state.commit < 0;`,
      },
    ],
    why: "it campaigns, with force, and deposes leaders of a cluster it is no part of",
    hunt: SCENARIOS,
  },
  {
    name: "a leader outside of the configuration stays",
    edits: [
      {
        file: CHANGE,
        from: `  } else if (!rest.voters.includes(state.id)) {`,
        to: `  } else if (rest.voters.length === 0) {`,
      },
    ],
    why: "nobody replaces it, and the process that was to end leads on",
    hunt: SCENARIOS,
  },
  {
    name: "a learner becomes a voter before it has caught up",
    edits: [
      {
        file: CHANGE,
        from: `kind === "promote" && !isCaughtUp(`,
        to: `kind === undefined && !isCaughtUp(`,
      },
    ],
    why: "a silent voter costs the quorum: one manager and a dead second can do nothing",
    hunt: SCENARIOS,
  },
  {
    name: "a demotion takes the majority away",
    edits: [
      {
        file: CHANGE,
        from: `  return heard === 1 ? undefined : "would-lose-quorum";`,
        to: `  return heard <= 1 ? undefined : "would-lose-quorum";`,
      },
    ],
    why: "the cluster stands still by an order that could have been refused",
    hunt: SCENARIOS,
  },
  {
    name: "a new member waits for the next write to be asked for its log",
    edits: [
      {
        file: CHANGE,
        from: `state.log.last - 1));`,
        to: `state.log.last));`,
      },
    ],
    why: "on a quiet cluster a learner never catches up",
    hunt: SCENARIOS,
  },
  {
    name: "a forced cluster drops what it does not know to be committed",
    edits: [
      {
        file: `${RAFT}/force-new-cluster.ts`,
        from: `  const keptTo = entries.at(-1)?.index ?? snapshot.index;`,
        to: `  const keptTo = hardState.commit;`,
      },
    ],
    why: "writes that were acknowledged are lost: the survivor's commit index lags",
    hunt: SCENARIOS,
  },
  {
    name: "what is committed may be cut off",
    edits: [
      {
        file: `${RAFT}/log.ts`,
        from: "assert(from > commit, ",
        to: "void (from > commit, ",
      },
    ],
    why: "a corrupt leader's append erases acknowledged entries, and nobody stops",
    hunt: { kind: "tests", files: [`${RAFT}/log.test.ts`, `${RAFT}/replication.test.ts`] },
  },
];
