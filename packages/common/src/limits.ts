/**
 * Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in
 * step.
 */

// Network
/** Longest single message on a control link: a batch of Raft entries fits, an attack does not. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** A link whose peer does not read this much is closed with `overflow`: memory stays bounded. */
export const LINK_QUEUE_BYTES_MAX = 16 * 1024 * 1024;
/** A dial that takes longer proves nothing and is given up. */
export const DIAL_TIMEOUT_MS = 2000;
/** Sweep of links: one that was silent this long is asked for a sign of life. */
export const LINK_PING_AFTER_MS = 5000;
/** A link silent this long, though asked, is half open: it is ended with `timeout`. */
export const LINK_SILENCE_MAX_MS = 10_000;
/** After `close` a slow peer gets this long to take what was queued; then the socket is cut. */
export const LINK_CLOSE_TIMEOUT_MS = 30_000;
/** Connections that have not shown a certificate yet, per listener: strangers cost little. */
export const HANDSHAKES_MAX = 256;
/** When they are that many, one that had this long gives way to a new one. */
export const HANDSHAKE_FAIR_MS = 500;
/** Longest request on `/ca`: a key, a proof, a token and a few addresses. */
export const CA_REQUEST_BYTES_MAX = 16 * 1024;
/** Requests on `/ca` under way at one manager; more are told to come back. */
export const CA_REQUESTS_MAX = 64;
/** Longest answer on `/ca`: certificates and the addresses of managers. */
export const CA_ANSWER_BYTES_MAX = 256 * 1024;
/** A join waits for a commit, which is answered within 5 s, and for a certificate. */
export const CA_TIMEOUT_MS = 10_000;
/** Links of one peer into one listener: streams included, so it is generous; a leak is stopped. */
export const LINKS_PER_PEER_MAX = 4096;
/** Text in which a peer explains a refusal; more of it is cut off. */
export const REFUSAL_BYTES_MAX = 1024;
/**
 * TLS sessions kept for cheap re-dials, one per address: more than the peers of a large cluster.
 */
export const TLS_SESSIONS_MAX = 1024;
/**
 * Bytes a link duplex may have under way before the reader grants more: bounds both ends' memory.
 */
export const DUPLEX_WINDOW_BYTES = 1024 * 1024;
/** Longest data frame of a link duplex: long enough to be cheap, short enough to interleave. */
export const DUPLEX_CHUNK_BYTES = 64 * 1024;
/**
 * What a data frame costs of the window beyond its bytes: a flood of tiny frames is bounded too.
 */
export const DUPLEX_FRAME_BYTES = 128;

// Process
/** A timer later than this met a stalled process: sockets are read before it is called. */
export const TIMER_LATE_MS = 20;
/** How often the event loop's lag is sampled: ten wake-ups a second cost nothing measurable. */
export const LOOP_LAG_SAMPLE_MS = 100;
/** The recent lag is the worst of one to two of these. */
export const LOOP_LAG_WINDOW_MS = 5000;
/** Longest string in a log line; more is cut and its length told. */
export const LOG_VALUE_CHARACTERS_MAX = 4096;
/** Longest log line; the fields of a longer one are dropped and that is said. */
export const LOG_LINE_CHARACTERS_MAX = 32_768;
/** Metric names of one registry: far above the documented list, far below trouble. */
export const METRIC_NAMES_MAX = 512;
/** Series of one metric: a label that takes ids must not fill the memory. */
export const METRIC_SERIES_MAX = 512;

/** One piece of a sealed file: what is held in memory of it, beside its tag. */
export const SEALED_FILE_PIECE_BYTES = 64 * 1024;
/** Work factor of a new sealed file: 128 MB and about half a second for every guess. */
export const SEALED_FILE_SCRYPT_LOG_N = 17;
/** A file that asks for more is refused: it would take a gigabyte to learn that it is damaged. */
export const SEALED_FILE_SCRYPT_LOG_N_MAX = 20;

// Local HTTP
/** Longest path of a unix socket on Linux, without its final zero. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** Connections on one API socket: more than any client opens, fewer than the file descriptors. */
export const API_CONNECTIONS_MAX = 1024;
/**
 * Connections that wait to be accepted: on a unix socket one more is an error at once (EAGAIN), and
 * Node's default of 511 lets a thousand clients that come together see it.
 */
export const API_BACKLOG_MAX = 1024;
/** A client must send its request line and headers within this time. */
export const API_HEADERS_TIMEOUT_MS = 10_000;
/** An idle connection of a client is kept this long for its next request. */
export const API_KEEP_ALIVE_MS = 30_000;
/** Past events kept for `since`: Docker keeps 256 of one node, this is a whole cluster's. */
export const EVENTS_KEPT_MAX = 1024;

// Gossip: who is linked with whom
/** Hash rings: each node is observed by the one before it on each; 4 survive 20 % of nodes dead. */
export const GOSSIP_RINGS = 4;
/** Up to this many members everybody is linked with everybody: what rings would give anyway. */
export const GOSSIP_MESH_MAX = 9;
/** Members of one cluster; more are not admitted. */
export const GOSSIP_MEMBERS_MAX = 10_000;
/** The lower id dials at once, the other after this: pairs do not dial crosswise. */
export const GOSSIP_DIAL_SECOND_MS = 500;
/** … and up to this much later: a thousand members that lost power do not dial as one. */
export const GOSSIP_DIAL_JITTER_MS = 250;
/** First pause after a failed dial; doubles … */
export const GOSSIP_DIAL_MIN_MS = 100;
/** … up to this for members that may be back behind a cut at any moment … */
export const GOSSIP_DIAL_MAX_MS = 1000;
/** … up to this when there was no answer at all, which took its time already … */
export const GOSSIP_DIAL_SILENT_MAX_MS = 250;
/** … and up to this for dead ones whose port refuses: a new process dials by itself. */
export const GOSSIP_DIAL_REFUSED_MAX_MS = 5000;
/** A link that broke is dialled again at once, then this often … */
export const GOSSIP_CONFIRM_MS = 50;
/** … and so many times: a process that is being killed keeps its port open for a moment. */
export const GOSSIP_CONFIRM_TRIES = 5;
/** A link that is no neighbour's (a helper's, a sweep's) is closed after this long. */
export const GOSSIP_LINK_IDLE_MS = 10_000;
/** Dials of one member under way: a herd of handshakes on a busy machine never ends. */
export const GOSSIP_DIALS_MAX = 4;
/** Links one member keeps, dials included: ring neighbours, managers, and some that pass by. */
export const GOSSIP_LINKS_MAX = 256;
/** Bytes queued on one gossip link before deltas are left to the digests. */
export const GOSSIP_QUEUE_BYTES_MAX = 64 * 1024;

// Gossip: failure detector
/** Pause between two probes of one observed member, a tenth more or less. */
export const GOSSIP_PROBE_MS = 1000;
/** No answer within this, times local health: ask helpers. Longer than any healthy event loop. */
export const GOSSIP_PROBE_TIMEOUT_MS = 500;
/** No answer through helpers within this, times local health: alert. */
export const GOSSIP_INDIRECT_TIMEOUT_MS = 500;
/** Members asked to probe for us. */
export const GOSSIP_HELPERS = 3;
/** A helper without an answer says so at this share of the time-out: then the asker is well. */
export const GOSSIP_NACK_PERCENT = 80;
/** Probes that members do for others at once; more are not taken on. */
export const GOSSIP_RELAYS_MAX = 256;
/** Local health goes from 0 (well) to this (time-outs eight times as long). */
export const GOSSIP_HEALTH_MAX = 7;
/**
 * Suspicion after enough independent observers: with both time-outs more than 3 s of silence, so
 * that a process stopped for less is never taken for dead.
 */
export const GOSSIP_SUSPECT_MIN_MS = 2200;
/** Suspicion by one observer alone where there could be more: six times as long. */
export const GOSSIP_SUSPECT_MAX_MS = 13_200;
/** A refused dial seen by one observer alone: time for the accused to say that it lives. */
export const GOSSIP_REFUSED_MS = 300;
/** Verdicts behind another within this are held, and applied together … */
export const GOSSIP_BATCH_QUIET_MS = 500;
/** … not later than this: a lost rack is one change, not forty. */
export const GOSSIP_BATCH_MAX_MS = 2000;
/** A wake-up later than this is our own stall: nobody is blamed for it. */
export const GOSSIP_STALL_MS = 200;
/** After a stall, what others said meanwhile is read before anybody is judged. */
export const GOSSIP_STALL_GRACE_MS = 300;
/** Nobody at all heard for this long, though somebody answers every second: the fault is ours. */
export const GOSSIP_ALONE_MS = 2500;
/** … and for this much longer: who was out of reach has to find the way back first. */
export const GOSSIP_ALONE_AFTER_MS = 3000;
/** More than half of the members dead within this: the fault is ours. */
export const GOSSIP_ISOLATION_MS = 10_000;

// Gossip: namespaces
/** Own writes within this leave together. */
export const GOSSIP_COALESCE_MS = 10;
/** Longest value of a namespace: a service's route with its backends. */
export const GOSSIP_VALUE_CHARACTERS_MAX = 256 * 1024;
/** Keys of one owner, tombstones included; more are refused to the writer. */
export const GOSSIP_KEYS_MAX = 20_000;
/** Keys and values of one member's namespace: its tasks, ports and facts fit many times over. */
export const GOSSIP_SPACE_CHARACTERS_MAX = 8 * 1024 * 1024;
/** The same of the store's: every route of a cluster. What is noted on disk is as long at most. */
export const GOSSIP_STORE_CHARACTERS_MAX = 64 * 1024 * 1024;
/** One message of deltas: longer ones are cut at a record's end. */
export const GOSSIP_DELTA_CHARACTERS_MAX = 512 * 1024;
/** Statements, deltas or rows in one message. */
export const GOSSIP_ROWS_MAX = 20_002;
/** A deletion is remembered this long; who comes later gets the whole namespace. */
export const GOSSIP_TOMBSTONE_MS = 15 * 60_000;
/** A failed owner's data is hidden, and kept this long. */
export const GOSSIP_HIDDEN_MS = 24 * 60 * 60_000;
/** Above this many members deltas go along a tree, else to every neighbour. */
export const GOSSIP_TREE_ABOVE = 100;
/** Announcements of what went along the tree are gathered for this long. */
export const GOSSIP_HAVE_MS = 100;
/** What was announced and has not come within this is asked for, which mends the tree. */
export const GOSSIP_GRAFT_MS = 500;
/** Announced owners waited for at once. */
export const GOSSIP_MISSING_MAX = 4096;
/** Roots that differ for this long are compared owner by owner. */
export const GOSSIP_REPAIR_MS = 1000;
/** Own roots remembered for a second: a peer at one of them is only a moment behind. */
export const GOSSIP_RECENT_ROOTS_MAX = 64;
/**
 * Statements and deltas that wait for 10 ms to be passed on; the oldest deltas are left to the
 * digests then, statements never: there are no more of them than members.
 */
export const GOSSIP_OUTBOX_MAX = 40_000;
/** Every member compares itself this often with one that is no neighbour. */
export const GOSSIP_SWEEP_MS = 30_000;
/** How often idle links, old tombstones and hidden data are looked at. */
export const GOSSIP_HOUSEKEEPING_MS = 1000;
