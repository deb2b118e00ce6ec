/** Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in step. */

/** Unix socket paths: the kernel allows 107 bytes; a little less leaves room for `.new-<pid>`. */
export const SOCKET_PATH_BYTES_MAX = 92;
/** Local clusters side by side: each takes one of the task ranges 10.65 to 10.126. */
export const LOCAL_INDEX_MAX = 62;
/** Nodes of one local cluster: their addresses are 127.0.k.1 to 127.0.k.250; 254 is the guard. */
export const LOCAL_NODES_MAX = 250;
/** `up` gives up when the cluster is not ready by then, and says what is missing. */
export const UP_READY_MS = 60_000;
/** `down`: a node process that has not ended by then is killed. Longer than a task's default grace. */
export const DOWN_GRACE_MS = 15_000;
/** One answer of the API over the local socket. */
export const REQUEST_MS = 30_000;
/** Longest answer read into memory (a list of every task fits). */
export const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;
