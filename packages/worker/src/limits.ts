/**
 * Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in
 * step.
 */

// Data plane: ingress
/** Published ports one node serves: each is a listening socket. */
export const PUBLISHED_PORTS_MAX = 1000;
/**
 * Connections open at once on one published port; the next is reset, the others keep their memory.
 */
export const PORT_CONNECTIONS_MAX = 10_000;
/**
 * Connections of one port that wait for a task in rotation; the next is reset, not queued in vain.
 */
export const PORT_WAITING_MAX = 2000;
/** A backend that does not accept within this is skipped for the next. */
export const CONNECT_TIMEOUT_MS = 1000;
/** A backend that took nothing by then is raced against the next: the first to answer has it. */
export const RACE_AFTER_MS = 150;
/** Connections raced at once: when all backends are slow, trying all of them would not help. */
export const RACES_MAX = 128;
/**
 * How long after its last task failed clients of a port are kept waiting for one in rotation:
 * longer than any failover should take. Who comes later hears of it at once.
 */
export const HOLD_MS = 5000;
/** Requests in ten that may be repeated elsewhere after their task failed to answer … */
export const RETRY_BUDGET_TENTHS = 2;
/** … saved up to so many: a task that dies takes more than its share at once. */
export const RETRY_BUDGET_MAX = 100;
/** Pause between two rounds over backends that all failed. */
export const HOLD_RETRY_MS = 100;
/** A backend that failed is taken last for this long, twice as long at each further failure … */
export const EJECT_MIN_MS = 250;
/** … up to this, so that one that came back is found soon. */
export const EJECT_MAX_MS = 5000;
/** A port that could not be opened is tried again this often. */
export const LISTEN_RETRY_MS = 2000;
/** Completed connections the kernel keeps for us while the thread is busy. */
export const LISTEN_BACKLOG_MAX = 1024;
/** A client that is silent for this long is asked whether it still exists (TCP keep-alive). */
export const KEEP_ALIVE_AFTER_MS = 60_000;
/** Services with figures of their own; those beyond are counted together. */
export const METERED_SERVICES_MAX = 200;

// Data plane: streams between nodes
/** Payload of one stream frame: short enough that no frame holds up another socket for long. */
export const STREAM_CHUNK_BYTES_MAX = 64 * 1024;
/** Bytes one direction of a stream may have under way: what a slow reader can cost each side. */
export const STREAM_WINDOW_BYTES = 512 * 1024;
/**
 * What a frame counts besides its payload, so that frames of one byte cannot pile up by the
 * 100,000.
 */
export const STREAM_FRAME_COST_BYTES = 256;
/**
 * Links to one node that its streams share: two, so that one lost segment does not stall them all.
 */
export const STREAM_LINKS_PER_NODE = 2;
/**
 * Bytes of all streams of one link that its other end has not received yet; beyond, sockets wait.
 */
export const STREAM_LINK_WINDOW_BYTES = 4 * 1024 * 1024;
/** How often a node that streams go to is asked for a sign of life; a link without one … */
export const STREAM_PING_MS = 1000;
/** … for this long makes its tasks the last choice. Longer than any pause of a busy node. */
export const STREAM_SILENT_MS = 700;
/** A link without streams is closed after this long. */
export const STREAM_LINK_IDLE_MS = 60_000;
/** Streams of other nodes relayed to the tasks of this node at once; the next is told `busy`. */
export const RELAYED_STREAMS_MAX = 10_000;
/** Bytes a spliced socket may queue before its source is paused. */
export const SPLICE_QUEUE_BYTES_MAX = 256 * 1024;

// Health checks
/** Pause between checks until a task was healthy once, where its service does not say. */
export const HEALTH_START_INTERVAL_MS = 500;
/** Of a check's output: what fits a line of `service ps`. */
export const HEALTH_OUTPUT_BYTES_MAX = 512;

// Data plane: probes
/** Target ports probed per task; a service that publishes more is refused by the API. */
export const TARGET_PORTS_MAX = 64;
/** Until a target port accepts. */
export const PROBE_FAST_MS = 50;
/** A program that has not listened by then is slow: probe it at the calmer pace. */
export const PROBE_FAST_FOR_MS = 30_000;
export const PROBE_CALM_MS = 500;
/** After a target port accepted. */
export const PROBE_STEADY_MS = 1000;
/** After a first failure: is it down, or was it one lost connection? */
export const PROBE_CONFIRM_MS = 100;
export const PROBE_TIMEOUT_MS = 1000;
/** Refusals in a row that take a task out of rotation: a refusal is proof, two exclude a hiccup. */
export const PROBE_REFUSALS_MAX = 2;
/**
 * Silences in a row that do: an overloaded program is silent too, and must not lose its rotation
 * fast.
 */
export const PROBE_SILENCES_MAX = 5;
/** How long after a probe its connection should have been taken by the program. */
export const PROBE_TAKEN_MS = 100;
/** Pause to the next look at a program that took none of the connections that wait … */
export const PROBE_STALL_MS = 250;
/** … and how many such looks in a row say that it is stopped or hangs: a pause is shorter. */
export const PROBE_STALLS_MAX = 4;
/** A program that listens elsewhere by then is named. */
export const ELSEWHERE_AFTER_MS = 2000;
/** A program that listens nowhere by then is named; also the pause between two looks. */
export const NOWHERE_AFTER_MS = 5000;
/** Pause between two looks at who owns a port that accepted. */
export const OWNER_RETRY_MS = 500;
/** Processes of one task whose sockets are looked at. */
export const TASK_PROCESSES_MAX = 256;
/** Listening sockets named in one warning. */
export const NAMED_SOCKETS_MAX = 3;

// DNS
/** Longest name, as RFC 1035 has it. */
export const DNS_NAME_MAX = 255;
/** Largest UDP answer of a client that knows no EDNS. */
export const DNS_UDP_BYTES_MIN = 512;
/** Largest UDP answer at all: it is not fragmented on any usual path. */
export const DNS_UDP_BYTES_MAX = 1232;
/** Largest message over TCP. */
export const DNS_TCP_BYTES_MAX = 65_535;
/** A virtual address lives as long as its service. */
export const DNS_VIP_TTL_S = 5;
/** Tasks come and go. */
export const DNS_TASKS_TTL_S = 1;
/** A service that is created now must not stay unknown. */
export const DNS_NEGATIVE_TTL_S = 1;
/** Answer of one upstream server, then the next is asked. */
export const DNS_FORWARD_MS = 2000;
/** Upstream servers asked in turn: what resolv.conf allows. */
export const DNS_UPSTREAMS_MAX = 3;
/** Forwarded questions under way; the next is refused. */
export const DNS_FORWARDS_MAX = 1024;
/** TCP connections of clients; the next is closed. */
export const DNS_CONNECTIONS_MAX = 64;
/** A TCP client that is silent for this long is closed. */
export const DNS_IDLE_MS = 10_000;
/** A taken DNS or virtual address is tried again this often: its holder may have died. */
export const OVERLAY_RETRY_MS = 250;

// Kernel plane
/** Between two looks whether the kernel still has what it should. */
export const KERNEL_AUDIT_MS = 5000;
/** What fits a VXLAN frame on a path of 1500 bytes. */
export const KERNEL_MTU = 1450;

// Virtual addresses
/** Backends tried for one connection to a virtual address. */
export const VIP_TRIES_MAX = 3;
/** Listening sockets of virtual addresses on one machine. */
export const VIP_PORTS_MAX = 2000;
/** How often sockets are looked at while a task of a network listens nowhere yet. */
export const LISTENS_FAST_MS = 100;
/** The same once each has a port. */
export const LISTENS_CALM_MS = 1000;
/** A task that listens nowhere for this long is looked at calmly. */
export const LISTENS_FAST_FOR_MS = 30_000;
/** Ports of one task that are told; a program that opens more is a peer-to-peer one. */
export const LISTENS_PORTS_MAX = 32;

// Agent: session with the leader
/** First pause after every manager was tried in vain; doubles … */
export const SESSION_BACKOFF_MIN_MS = 50;
/** … up to this: an agent never gives up, and a manager that is back is found within it. */
export const SESSION_BACKOFF_MAX_MS = 2000;
/** Pause while managers answer but know no leader: an election is over within a second. */
export const ELECTION_BACKOFF_MAX_MS = 200;
/** A manager that took the connection but neither welcomes nor redirects is left after this. */
export const GREETING_TIMEOUT_MS = 2000;
/**
 * A session that ended earlier does not reset the backoff: a leader that throws us out is spared.
 */
export const SESSION_STEADY_MS = 1000;
/** Heartbeats without any message from a leader that answers them, until it counts as frozen. */
export const SILENT_HEARTBEATS_MAX = 3;
/** A leader that has not stored a status by then is left for another: statuses must not pile up. */
export const STATUS_STORED_TIMEOUT_MS = 5000;
/** Managers remembered: more than any cluster has. */
export const MANAGERS_MAX = 32;
/** Redirects followed without a pause: two managers that name each other must not spin. */
export const REDIRECTS_MAX = 3;
/** Statuses in one message: with the longest texts still far below a message's limit. */
export const STATUS_BATCH_MAX = 500;

// Gossip
/** A verdict of our own is told to a leader that is found within this. */
export const VERDICT_KEPT_MS = 10_000;
/** Verdicts kept for it: more than half of a cluster is never condemned. */
export const VERDICTS_MAX = 1000;
/** Changes of what the store says are noted on disk this late, together. */
export const GOSSIP_NOTES_MS = 1000;
/** Ports of one task that other nodes are told of. */
export const ENDPOINT_PORTS_MAX = 64;
/** Longest notes that are read. */
export const GOSSIP_NOTES_BYTES_MAX = 64 * 1024 * 1024;

// Agent: tasks
/**
 * Tasks of one node, ended ones with their files included; the next is rejected with the reason.
 */
export const TASKS_MAX = 10_000;
/** Docker's default between stop signal and SIGKILL. */
export const STOP_GRACE_DEFAULT_MS = 10_000;
/** From "draining" to the stop signal: nodes have taken the task out of rotation by then. */
export const DRAIN_DELAY_MS = 500;
/**
 * What an agent that restarts and keeps its tasks asks for: the longest absence a leader grants.
 */
export const RETURN_WITHIN_MS = 60_000;
/** A planned end waits this long for the leader to store the last statuses, then goes anyway. */
export const LEAVE_REPORT_MS = 1000;

// Agent: task database
/** One record: an assignment fits in a message of 4 MiB. A longer length field is damage. */
export const RECORD_BYTES_MAX = 8 * 1024 * 1024;
/** The journal is rewritten when longer than this and … */
export const JOURNAL_REWRITE_BYTES = 1024 * 1024;
/** … this many times what its live records take, so that rewriting costs less than it frees. */
export const JOURNAL_REWRITE_RATIO = 4;
/** A journal longer than this is refused: it cannot be ours. */
export const JOURNAL_BYTES_MAX = 256 * 1024 * 1024;

// Logs
/** How often the output of a task that wrote lately is looked at: the precision of its times. */
export const TAIL_FAST_MS = 100;
/** How often that of a quiet task is. */
export const TAIL_CALM_MS = 500;
/** How long a task counts as one that wrote lately. */
export const TAIL_FAST_FOR_MS = 2000;
/** Files looked at at the same time: the thread pool has other work too. */
export const TAIL_PARALLEL_MAX = 16;
/** Times kept per output file (16 bytes each); at the bound every second one is dropped. */
export const LOG_MARKS_MAX = 16_384;
/** A longer line is sent in pieces, marked. */
export const LOG_LINE_BYTES_MAX = 64 * 1024;
/** Bytes read from an output file at a time. */
export const LOG_READ_BYTES = 64 * 1024;
/** Bytes queued on a log link before reading pauses: a slow reader costs no memory. */
export const LOG_QUEUE_BYTES_MAX = 512 * 1024;
/** How long a follower waits for a task that this node has not heard of yet. */
export const LOG_APPEAR_MS = 5000;
/** Pause before a slow reader's link is looked at again. */
export const LOG_PAUSE_MS = 20;
/** Log requests served at once; the next is refused with the reason. */
export const LOG_REQUESTS_MAX = 64;
/** Tasks in one log request. */
export const LOG_TASKS_MAX = 1000;
/** `tail` is cut to this many lines: their positions are held in memory. */
export const LOG_TAIL_LINES_MAX = 100_000;

/** Output kept of a task and stream: the oldest beyond it is dropped. */
export const LOG_KEPT_BYTES_MAX = 64 * 1024 * 1024;
/** How much more may be there before the oldest is dropped: a hole is not made for every line. */
export const LOG_SLACK_BYTES = 16 * 1024 * 1024;
/** Between two looks at the lengths of all outputs: a program may write this long unbounded. */
export const LOG_KEEP_LOOK_MS = 2000;

// Process engine
/** How often a process that is not our child (adopted) is looked at. */
export const ADOPTED_POLL_MS = 100;
/** Between two looks whether the wrapper has started the command, before a stop signal … */
export const BEGIN_PAUSE_MS = 5;
/** … and how many: half a second, far more than a fork and an exec take. */
export const BEGIN_ROUNDS_MAX = 100;
/** Between SIGKILL of the rest of a task's tree and the next look. */
export const REAP_PAUSE_MS = 20;
/** Looks until what survives SIGKILL is reported (a process in uninterruptible sleep). */
export const REAP_ROUNDS_MAX = 100;
/** Processes read in one go while /proc is searched: the agent's thread is held for no longer. */
export const PROC_SLICE_MAX = 64;

// Identity
/** Asked which address leads to a manager, a machine that does not answer is given up. */
export const ADDRESS_LOOK_MS = 3000;
/** First pause after a renewal that failed; it doubles up to the next. */
export const RENEW_RETRY_MS_MIN = 1000;
/** Longest pause between renewals that fail: an hour's certificate still gets many tries. */
export const RENEW_RETRY_MS_MAX = 60_000;
/** When the root changes every node renews: they are spread over this time. */
export const RENEW_SPREAD_MS = 1000;
/** A timer for longer than this is armed again and again: it must not overflow. */
export const RENEW_LOOK_MS = 60 * 60 * 1000;
/** A manager process that ended by itself is started again after this. */
export const MANAGER_RESTART_MS = 1000;
/** A manager process that was told to stop is ended after this. */
export const MANAGER_STOP_MS = 10_000;
/** How long `swarm init` and `join` wait for the new node to be in touch with a leader. */
export const ENTER_MS_MAX = 15_000;

/** Longest body of `swarm init` and `swarm join`. */
export const ENTER_BODY_BYTES_MAX = 64 * 1024;

// Engine API of a worker node
/** How long `/metrics` waits for the data plane's part. */
export const SCRAPE_TIMEOUT_MS = 1000;
/** Bodies of requests about containers: a command with its environment. */
export const EXEC_BODY_BYTES_MAX = 1024 * 1024;
/** Programs executed in tasks of one node at the same time; the next is refused with the reason. */
export const EXECS_RUNNING_MAX = 256;
/** Executed programs remembered, so that clients can ask for their exit codes. */
export const EXECS_KEPT_MAX = 1024;
/** After its end a program's last output may take this long: something else may hold it open. */
export const EXEC_DRAIN_MS = 2000;
/**
 * Between the head of an answer that gives the raw connection and its first byte: docker-py's HTTP
 * library loses what comes together with the head. dockerd takes twice as long to start a program.
 */
export const HIJACK_PAUSE_MS = 20;
/** A terminal's name ("/dev/pts/5") is far shorter. */
export const TERMINAL_NAME_BYTES_MAX = 256;
/** How often `stats` looks, as Docker does. */
export const STATS_PERIOD_MS = 1000;
/** `ps` for `top` must answer by then: a hung /proc must not hold requests for good. */
export const TOP_TIMEOUT_MS = 5000;
/** Output of `ps` that is read: 10,000 processes with long command lines. */
export const TOP_OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** After SIGKILL a task's end is waited for this long before the client is answered. */
export const REAP_WAIT_MS = 5000;

// Ingress: HTTP
/** A request's or answer's line and fields together: what HAProxy and Node take, too. */
export const HTTP_HEAD_BYTES_MAX = 16 * 1024;
/** Fields of one head. */
export const HTTP_FIELDS_MAX = 100;
/** Path and query of a request. */
export const HTTP_TARGET_BYTES_MAX = 8 * 1024;
/** What may stand behind a chunk's size; nobody uses it for good. */
export const HTTP_CHUNK_LINE_BYTES_MAX = 256;
/** Fields behind a chunked body. */
export const HTTP_TRAILER_BYTES_MAX = 8 * 1024;
/** From the first byte of a head to its last: who sends a byte a minute is not waited for. */
export const HTTP_HEAD_WITHIN_MS = 10_000;
/** Longest pause in a request's body. */
export const HTTP_BODY_PAUSE_MS = 30_000;
/** A client's connection without a request is closed after this long. */
export const HTTP_IDLE_MS = 60_000;
/** A client that does not read its last answer is left after this long. */
export const HTTP_LINGER_MS = 2000;
/** How long a new connection is watched for a request before a task is dialled for it. */
export const SNIFF_MS = 20;
/** A request's body up to this much is kept, so that it can be sent again. */
export const HTTP_REPLAY_BYTES_MAX = 64 * 1024;
/** Idle connections kept per task, for the next request … */
export const POOL_PER_TASK_MAX = 64;
/** … for this long: below the 5 s after which Node's servers close theirs. */
export const POOL_IDLE_MS = 4000;
/** For a request that must not be sent twice only one that was used this lately is taken. */
export const POOL_FRESH_MS = 500;
/** Tasks with figures of their own; those beyond are counted together. */
export const METERED_TASKS_MAX = 1000;
/** Access log lines that wait for the disk; what is beyond is dropped and counted. */
export const ACCESS_QUEUE_BYTES_MAX = 4 * 1024 * 1024;
/** How often they are written. */
export const ACCESS_WRITE_MS = 200;
/** One service's access log at a node; then it becomes the former one, which is dropped. */
export const ACCESS_FILE_BYTES_MAX = 16 * 1024 * 1024;
