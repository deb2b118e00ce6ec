/** Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in step. */

// Manager shell
/** First wait before a manager dials another again; doubles up to the maximum. */
export const REDIAL_MS_MIN = 50;
/** Longest wait between dials: a manager that comes back is linked within this. */
export const REDIAL_MS_MAX = 1000;
/** A write that was appended is answered within this, as `outcome-unknown` if need be. */
export const PROPOSAL_ANSWER_MS = 5000;
/** Writes of clients waiting at one manager; more are refused as `overloaded`. */
export const PROPOSALS_WAITING_MAX = 10_000;
/** Longest snapshot accepted from a peer: more than any cluster this process could serve. */
export const SNAPSHOT_BYTES_MAX = 512 * 1024 * 1024;
/** One message of a snapshot transfer. */
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024;
/** A snapshot sender waits while this much is queued: it must not fill memory. */
export const SNAPSHOT_QUEUE_BYTES = 1024 * 1024;
/** A transfer without progress for this long is given up; Raft starts it again. */
export const SNAPSHOT_PROGRESS_MS = 10_000;
/** Entries applied between two snapshots (Swarm's SnapshotInterval). */
export const SNAPSHOT_INTERVAL_ENTRIES = 10_000;
/** Entries kept before a snapshot for followers that lag (Swarm keeps 500). */
export const ENTRIES_KEPT_FOR_FOLLOWERS = 500;
/** A read that finds no leader contact in this time is refused. */
export const READ_ANSWER_MS = 5000;
/** Shortest pause between two runs of the controllers: changes that come together are seen together. */
export const CONTROLLERS_PAUSE_MS = 2;

// Store
/** First port assigned to a service that leaves the choice to us (Swarm's range). */
export const ASSIGNED_PORT_FIRST = 30_000;
/** Last port of that range; a service that finds none free is refused with `ports-exhausted`. */
export const ASSIGNED_PORT_LAST = 32_767;
/** Answers kept for repeated request ids; the oldest is forgotten first. About 4 MB. */
export const REQUESTS_ANSWERED_MAX = 16_384;
/** Changes kept so that a watch can resume; an older one must read everything again. */
export const HISTORY_CHANGES_MAX = 8_192;
/** Rows in one slice of a snapshot: a slice is encoded in well under 10 ms. */
export const SNAPSHOT_SLICE_ROWS = 250;

// Raft
/** A leader's heartbeat: five fit in the shortest election timeout, so one lost message elects nobody. */
export const RAFT_HEARTBEAT_MS = 100;
/** Shortest election timeout, and the vote lease: two busy cores must not elect by accident. */
export const RAFT_ELECTION_TIMEOUT_MS_MIN = 500;
/** Longest election timeout: the spread that keeps split votes rare. */
export const RAFT_ELECTION_TIMEOUT_MS_MAX = 1000;
/** Survivors of a leader whose process is gone wait up to this: enough to tell two of them apart. */
export const RAFT_LEADER_GONE_JITTER_MS = 50;
/** Quick pre-campaigns after a leader is gone; then the election timeout again. */
export const RAFT_LEADER_GONE_TRIES_MAX = 5;
/** A wake later than this was a stall: unread heartbeats may be waiting in the sockets. */
export const RAFT_STALL_MS = 100;
/** Entries that queue behind an unanswered append leave after this, as one message. */
export const RAFT_FLUSH_MS = 1;
/** A commit that no append carried within this gets a message of its own. */
export const RAFT_COMMIT_NOTICE_MS = 10;
/** Entries of one append message, unless one alone is larger: well under the message limit. */
export const RAFT_APPEND_BYTES_MAX = 256 * 1024;
/** Entries of one append message: bounds the synchronous work of one step. */
export const RAFT_APPEND_ENTRIES_MAX = 1024;
/** Unanswered appends to one peer; at the bound the peer is waited for. */
export const RAFT_INFLIGHT_MAX = 64;
/** Unanswered bytes to one peer: a quarter of a link's queue. */
export const RAFT_INFLIGHT_BYTES_MAX = 4 * 1024 * 1024;
/** One entry: it must fit a message with its envelope. The control layer refuses larger ones earlier. */
export const RAFT_ENTRY_BYTES_MAX = 2 * 1024 * 1024;
/** What an entry weighs besides its data. */
export const RAFT_ENTRY_OVERHEAD_BYTES = 32;
/** Uncommitted bytes at a leader; at the bound proposals are refused as `overloaded`. */
export const RAFT_UNCOMMITTED_BYTES_MAX = 16 * 1024 * 1024;
/** Uncommitted proposals at a leader; likewise. */
export const RAFT_UNCOMMITTED_ENTRIES_MAX = 8192;
/** Bytes given to the state machine in one step: heartbeats leave between two pages. */
export const RAFT_APPLY_BYTES_MAX = 256 * 1024;
/** Entries given to the state machine in one step. */
export const RAFT_APPLY_ENTRIES_MAX = 256;
/** Reads waiting for confirmation or for the state machine; more are refused as `overloaded`. */
export const RAFT_READS_MAX = 4096;
