/**
 * Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in
 * step.
 */

/** Unix socket paths: the kernel allows 107 bytes; a little less leaves room for `.new-<pid>`. */
export const SOCKET_PATH_BYTES_MAX = 92;
/** Local clusters side by side: each takes one of the task ranges 10.65 to 10.126. */
export const LOCAL_INDEX_MAX = 62;
/** Nodes of one local cluster: their addresses are 127.0.k.1 to 127.0.k.250; 254 is the guard. */
export const LOCAL_NODES_MAX = 250;
/** `up` gives up when the cluster is not ready by then, and says what is missing. */
export const UP_READY_MS = 60_000;
/** Between two looks at whether something has come about. */
export const READY_LOOK_MS = 25;
/** `start` waits this long for the managers to count the node as ready, if there is a leader. */
export const START_REGISTERED_MS = 5000;
/**
 * `down`: a node process that has not ended by then is killed. Longer than a task's default grace.
 */
export const DOWN_GRACE_MS = 15_000;
/** `down` waits this long for the launcher: the grace of workers and of managers, and a reserve. */
export const DOWN_ANSWER_MS = 40_000;
/** Nothing is left to do for a launcher that has answered `down`: it ends within milliseconds. */
export const LAUNCHER_END_MS = 5000;
/** One request to the launcher: a list of every node's name fits many times. */
export const CONTROL_REQUEST_BYTES_MAX = 64 * 1024;
/** How often the launcher asks the manager behind the cluster's API address for a sign of life. */
export const TOP_SOCKET_LOOK_MS = 1000;
/** A manager that takes longer to answer a ping is passed over: it is stopped or overwhelmed. */
export const TOP_SOCKET_PATIENCE_MS = 1000;
/** 127.0.0.1:<published> that another program has is tried again this often. */
export const HANDOVER_RETRY_MS = 2000;
/** One answer of the API over the local socket. */
export const REQUEST_MS = 30_000;
/**
 * A request that found nobody, or lost its connection, is repeated for this long under the same
 * key.
 */
export const REQUEST_RETRY_MS = 3000;
/** A local cluster's manager that has not begun to answer by then is not the only one asked. */
export const HEDGE_MS = 1500;
/** Between two such repetitions. */
export const REQUEST_RETRY_PAUSE_MS = 50;
/** Longest answer read into memory (a list of every task fits). */
export const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;
/** Times a change is made again on a newer version, when somebody else's came between. */
export const UPDATE_ATTEMPTS_MAX = 5;
/** A command that waits for a service gives up then, and says what is in the way. */
export const CONVERGE_MS = 120_000;
/** `skein load` gives a request this long before it counts as unanswered. */
export const LOAD_ANSWER_MS = 10_000;
/** Requests a second of `skein load`: more would measure the command, not the service. */
export const LOAD_RATE_MAX = 1000;
/** How often `skein load` prints its score. */
export const LOAD_SCORE_MS = 1000;
/** `kill` watches what follows for this long: recovery takes about a second. */
export const AFTERMATH_MS_MAX = 6000;
/** How often it looks; each look reads the logs' ends. */
export const AFTERMATH_POLL_MS = 50;
/** What a node logs in that time is a small part of this. */
export const AFTERMATH_LOG_BYTES_MAX = 256 * 1024;
/** How often `service top` asks all nodes; a quarter of it at the least. */
export const TOP_EVERY_MS = 1000;
/** What fits a screen below the services. */
export const TOP_TASKS_MAX = 30;
/** Attempts of one slot that failed alike before a command stops waiting: more would not help. */
export const FAILED_ATTEMPTS_MAX = 3;
/** `config create` reads at most this much: what the managers take. */
export const CONFIG_BYTES_MAX = 1000 * 1024;
/**
 * How much higher the indexes of a restored cluster begin: above all that the old one can have
 * given out after the backup, so that no version of one is taken for another's (etcd's way).
 */
export const RESTORE_INDEX_AHEAD = 1_000_000;
/** A backup read into memory: what a manager takes as a snapshot, and its head. */
export const BACKUP_BYTES_MAX = 513 * 1024 * 1024;
/** A passphrase, from a file or typed: a line of text. */
export const PASSPHRASE_BYTES_MAX = 4096;
/** `skein demo` gives up when a step takes longer. */
export const DEMO_STEP_MS = 30_000;

/** A Compose file; the largest that are written by hand have some hundred kilobytes. */
export const COMPOSE_FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Copies by alias: a file of nine lines can ask for a billion of them. */
export const COMPOSE_ALIASES_MAX = 1000;

/** Files that include files: deeper is a circle. */
export const COMPOSE_INCLUDES_MAX = 16;

/** PM2's file is a program: one that takes longer waits for something that does not come. */
export const IMPORT_PROGRAM_MS = 5000;
/** `doctor`: a manager that answers nothing by then is stopped or stuck. */
export const DOCTOR_ANSWER_MS = 1000;
/** `doctor` warns below this: some segments of eight managers' logs, and a snapshot each. */
export const DISK_FREE_BYTES_LOW = 512 * 1024 * 1024;

/** Nodes asked, and shown, in the table of who believes what. */
export const GOSSIP_MATRIX_MAX = 40;
/** A node that takes longer to say what its gossip knows is shown as not answering. */
export const GOSSIP_ASK_MS = 1500;
/** `skein gossip --watch` looks this often. */
export const GOSSIP_WATCH_MS = 1000;
/** Rings of so many members are shown whole … */
export const GOSSIP_RING_WHOLE_MAX = 12;
/** … of larger ones so many places before and after the node. */
export const GOSSIP_RING_NEAR = 3;
/** The API's bound for the value of a secret. */
export const SECRET_BYTES_MAX = 512_000;
