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

// Local HTTP
/** Longest path of a unix socket on Linux, without its final zero. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** Connections on one API socket: more than any client opens, fewer than the file descriptors. */
export const API_CONNECTIONS_MAX = 1024;
/** A client must send its request line and headers within this time. */
export const API_HEADERS_TIMEOUT_MS = 10_000;
/** An idle connection of a client is kept this long for its next request. */
export const API_KEEP_ALIVE_MS = 30_000;
/** Past events kept for `since`: Docker keeps 256 of one node, this is a whole cluster's. */
export const EVENTS_KEPT_MAX = 1024;
