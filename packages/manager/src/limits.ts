/**
 * Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in
 * step.
 */

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
export const SNAPSHOT_QUEUE_CHUNKS = 4;
/** A transfer without progress for this long is given up; Raft starts it again. */
export const SNAPSHOT_PROGRESS_MS = 10_000;
/** A sender with a full queue looks again after this. */
export const SNAPSHOT_PUMP_MS = 10;
/** What arrived of a broken transfer is kept so long for one that goes on with it. */
export const SNAPSHOT_PARTIAL_KEPT_MS = 60_000;
/** Entries applied between two snapshots (Swarm's SnapshotInterval). */
export const SNAPSHOT_INTERVAL_ENTRIES = 10_000;
/** Entries kept before a snapshot for followers that lag (Swarm keeps 500). */
export const ENTRIES_KEPT_FOR_FOLLOWERS = 500;
/** A read that finds no leader contact in this time is refused. */
export const READ_ANSWER_MS = 5000;
/**
 * Shortest pause between two runs of the controllers: changes that come together are seen together.
 */
export const CONTROLLERS_PAUSE_MS = 2;

// Store
/** First port assigned to a service that leaves the choice to us (Swarm's range). */
export const ASSIGNED_PORT_FIRST = 30_000;
/** Last port of that range; a service that finds none free is refused with `ports-exhausted`. */
export const ASSIGNED_PORT_LAST = 32_767;
/** How long an address that was given back rests: longer than any table or cache lives. */
export const ADDRESS_REST_MS = 60_000;
/** Size of a network whose subnet is left to us: 509 addresses, and 64 of them in a /16 pool. */
export const NETWORK_PREFIX_BITS = 23;
/** Widest subnet of a network: looking for a free address stays short. */
export const SUBNET_BITS_MIN = 16;
/** Narrowest: five addresses. */
export const SUBNET_BITS_MAX = 29;
/** Networks of one cluster; each costs every node a row. */
export const NETWORKS_MAX = 1000;
/** Networks of one service. */
export const SERVICE_NETWORKS_MAX = 16;
/** First network identifier on the wire (Swarm's). */
export const NETWORK_VNI_FIRST = 4097;
/** Answers kept for repeated request ids; the oldest is forgotten first. About 4 MB. */
export const REQUESTS_ANSWERED_MAX = 16_384;
/** Changes kept so that a watch can resume; an older one must read everything again. */
export const HISTORY_CHANGES_MAX = 8_192;
/**
 * Entries between two digests of the state that managers compare: a wrong replica is found within
 * so many, and a digest costs some per cent of applying them.
 */
export const DIGEST_EVERY_ENTRIES = 256;
/** Changed rows hashed in one turn of the event loop: a millisecond or two. */
export const DIGEST_SLICE_ROWS = 200;
/** Digests remembered of each manager: a follower may be so many behind and is still compared. */
export const DIGESTS_KEPT = 16;
/** Rows in one slice of a snapshot: a slice is encoded in well under 10 ms. */
export const SNAPSHOT_SLICE_ROWS = 250;

// Raft
/**
 * A leader's heartbeat: five fit in the shortest election timeout, so one lost message elects
 * nobody.
 */
export const RAFT_HEARTBEAT_MS = 100;
/** Shortest election timeout, and the vote lease: two busy cores must not elect by accident. */
export const RAFT_ELECTION_TIMEOUT_MS_MIN = 500;
/** Longest election timeout: the spread that keeps split votes rare. */
export const RAFT_ELECTION_TIMEOUT_MS_MAX = 1000;
/**
 * Survivors of a leader whose process is gone wait up to this: enough to tell two of them apart.
 */
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
/**
 * One entry: it must fit a message with its envelope. The control layer refuses larger ones
 * earlier.
 */
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
/** How often the leader compares Raft's configuration with the node rows. */
export const MEMBERSHIP_LOOK_MS = 100;
/** Between two announcements of a manager that is no member yet: it may be refused for long. */
export const ANNOUNCE_PAUSE_MS = 500;
/** Members of a configuration: 7 voters survive 3 failures, more only slow every write down. */
export const RAFT_MEMBERS_MAX = 16;
/** Tombstones kept: an id is drawn of 100 bits, so one forgotten after 1024 others harms nobody. */
export const RAFT_REMOVED_MAX = 1024;
/** A learner this many entries behind may become a voter: it answers for new ones in one append. */
export const RAFT_CATCH_UP_ENTRIES_MAX = 1024;

// Orchestrator and scheduler
/** Items of one command of a controller: a log entry stays far below the message limit. */
export const COMMAND_ITEMS_MAX = 500;
/**
 * Wait after the second failure in a row (the first retry is at once); doubles up to the maximum.
 */
export const RESTART_BACKOFF_MS_MIN = 250;
/** A task that always fails is tried again at least this often. */
export const RESTART_BACKOFF_MS_MAX = 30_000;
/** A task that ran this long was no quick failure: the back-off starts anew. */
export const RESTART_STABLE_MS = 10_000;
/**
 * Ended tasks a slot keeps at most so that restart attempts can be counted; more count as this
 * many.
 */
export const RESTART_ATTEMPTS_MAX = 100;
/** Docker's stop grace period, where the service names none. */
export const STOP_GRACE_MS_DEFAULT = 10_000;
/** Beyond the grace period a replacement waits this much longer for the old task's last report. */
export const STOP_REPORT_MS_MAX = 10_000;
/** An updated task that no node takes for this long has failed: the failure action decides. */
export const UPDATE_PENDING_MS_MAX = 60_000;
/** An updated task that prepares or starts for this long has failed. */
export const UPDATE_START_MS_MAX = 600_000;
/** An updated task that runs but does not get into rotation for this long has failed. */
export const UPDATE_ROTATION_MS_MAX = 10_000;
/** What a health check's own time is lengthened by: its process has to start, too. */
export const UPDATE_HEALTH_MARGIN_MS = 10_000;
/**
 * A drained node's task serves this long at most while its replacement is not in rotation: a node
 * must become empty even where nothing else has room.
 */
export const DRAIN_SERVES_MS_MAX = 600_000;
/** Update monitor and failure action, where the service names none (Swarm's defaults). */
export const UPDATE_MONITOR_MS_DEFAULT = 5000;
/** How long the former set of a blue-green update is kept, where the service does not say. */
export const UPDATE_STANDBY_MS_DEFAULT = 600_000;
/** And at most: it holds as much as the service itself. */
export const UPDATE_STANDBY_MS_MAX = 86_400_000;
/** A scheduled run that starts later than this counts as missed. */
export const CRON_LATE_MS_MAX = 60_000;
/** Schedules are looked at this often at least: the wall clock may be set. */
export const CRON_LOOK_MS = 30_000;
/** Days searched for the next time of a schedule: 29 February comes within eight years. */
export const CRON_SEARCH_DAYS_MAX = 3000;
/** A node that is down for this long gives its tasks up as orphaned (Swarm's value). */
export const NODE_LOST_MS = 86_400_000;
/** Tasks one run places: about 10 ms at 5,000 nodes, and enough to pay for the look at them. */
export const SCHEDULE_TASKS_MAX = 1000;
/**
 * Pending tasks grouped at a time: of a flood only those that can be placed in this run are
 * sorted.
 */
export const SCHEDULE_CHUNK_TASKS = 1000;
/** Groups up to this size look at every node for each task; for larger ones a tree pays. */
export const SCAN_TASKS_MAX = 4;
/** Groups with constraints up to this size ask the index, which meets each unfit node each time. */
export const INDEXED_TASKS_MAX = 16;
/** Former specs a service keeps: `skein service rollback --to` reaches any of them. */
export const SERVICE_HISTORY_MAX = 10;
/** Moves of one rebalancing: whoever wants more asks again when these are done. */
export const REBALANCE_MOVES_MAX = 20;
/** Parsed constraints remembered; beyond that all are forgotten and parsed anew. */
export const CONSTRAINTS_PARSED_MAX = 4096;
/** A node where tasks of a service failed this often of late is tried last. */
export const NODE_FAILURES_MAX = 5;
/** How long a failure counts against its node. */
export const NODE_FAILURES_WINDOW_MS = 300_000;

// Engine API
/** Replicas of one service: beyond it one command would not fit a Raft message. */
export const SERVICE_REPLICAS_MAX = 10_000;
/** User, host name, stop signal and port name of a spec: what the store's rows take. */
export const SPEC_SHORT_TEXT_MAX = 1024;
/** Body of a request; more is refused before it is read. */
export const BODY_BYTES_MAX = 1024 * 1024;
/**
 * Body of `configs/create`: Docker's largest config (1000 KiB) as base64, with its name and labels.
 */
export const CONFIG_BODY_BYTES_MAX = 1536 * 1024;
/** What is read and thrown away of a body too many, so that its sender gets to see the refusal. */
export const DISCARD_BYTES_MAX = 64 * 1024 * 1024;
/** A config's value: Docker's own bound. */
export const CONFIG_DATA_BYTES_MAX = 1000 * 1024;
/** How long a request waits for a leader to appear, so that a client does not see a failover. */
export const LEADER_WAIT_MS = 2000;
/** Pause between two looks for a leader. */
export const LEADER_LOOK_MS = 25;
/** A forwarded write is given up as "outcome unknown" when this has passed since it arrived. */
export const FORWARD_ANSWER_MS = 5000;
/** A leader that has not begun to answer by then is frozen or gone: more than its own 5 s. */
export const FORWARD_HEAD_MS = 6000;
/** How often a manager looks whether the leader it waits for still is the leader. */
export const FORWARD_LOOK_MS = 100;
/** Connections to the leader's API kept for the next request. */
export const FORWARD_IDLE_CONNECTIONS_MAX = 32;
/** Connections to the leader's API at once; more requests wait for one. */
export const FORWARD_CONNECTIONS_MAX = 512;
/**
 * A request with a longer body goes to the leader over a connection of its own, so that it delays
 * no short one.
 */
export const CALL_BODY_BYTES_MAX = 64 * 1024;
/** Bodies gathered into one message to or from the leader. */
export const CALLS_FRAME_BYTES = 256 * 1024;
/** Rows of a list written in one synchronous stretch (about a millisecond). */
export const LIST_SLICE_ROWS = 64;
/** Unread bytes of one streaming client; beyond it the connection is cut, not silently thinned. */
export const STREAM_QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** Problems named on one status page: a page of 10,000 broken tasks helps nobody. */
export const STATUS_PROBLEMS_MAX = 100;
/** How often a followed service is looked at for new tasks. */
export const FOLLOW_LOOK_MS = 250;
/** How long the output of nodes that do not answer is waited for. */
export const LOG_OPEN_MS = 5000;

// Write-ahead log
/**
 * One segment, zero-filled before use: short enough to fill unnoticed, long enough to rotate
 * seldom.
 */
export const WAL_SEGMENT_BYTES = 8 * 1024 * 1024;
/** One write of zeros, each synced, so that a batch never queues behind a whole segment of them. */
export const WAL_ZERO_CHUNK_BYTES = 256 * 1024;
/** The encoder keeps a buffer of up to this size; a longer batch gets one of its own. */
export const WAL_SCRATCH_BYTES = 1024 * 1024;
/**
 * With no next segment and less than this left in the one in use, writes of clients are refused:
 * terms, votes and configurations must still fit.
 */
export const WAL_RESERVE_BYTES = 1024 * 1024;
/** A full disk is tried again this often, and a disk that answers nothing is looked at. */
export const DISK_LOOK_MS = 1000;
/** A write of the log under way for this long: the disk is stuck, others should lead. */
export const DISK_STUCK_MS = 3000;
/** Between two hand-overs for the disk's sake: where every disk is full, office must not circle. */
export const DISK_TRANSFER_PAUSE_MS = 60_000;
/** After a full disk refused the next segment, this many batches pass before it is tried again. */
export const WAL_SPARE_RETRY_BATCHES = 64;
/** Snapshot bytes in one write, under one checksum: a millisecond of work at most. */
export const SNAPSHOT_FILE_CHUNK_BYTES = 1024 * 1024;
/** Snapshots kept on disk: the newest, and one to fall back to with the log behind it. */
export const SNAPSHOTS_KEPT_MAX = 2;
/** Snapshots waiting to be saved: an own one and a received one meet; more is a caller's loop. */
export const SNAPSHOT_SAVES_MAX = 4;
/** A manager heard within this counts as reachable: a few heartbeats. */
export const PEER_REACHABLE_MS = 1000;
/** A graceful stop gives a leader this long to hand its office over. */
export const RESIGN_MS = 1000;

// Dispatcher
/** A worker's heartbeat, told to it in `welcome`. */
export const DISPATCH_HEARTBEAT_MS = 1000;
/** Silence after which a node is down: three heartbeats, so that two may get lost or late. */
export const DISPATCH_SILENCE_MS = 3000;
/**
 * A wake later than this was a stall of ours: heartbeats may wait unread, so nobody is silent yet.
 */
export const DISPATCH_STALL_MS = 500;
/** Connections at one leader; the next is closed. Nodes have one each. */
export const DISPATCH_CONNECTIONS_MAX = 10_000;
/** A connection that says no `hello` by then is closed. */
export const DISPATCH_HELLO_MS = 5000;
/** On a new leader: nodes that come back within this were never gone. */
export const DISPATCH_RETURN_MS = 5000;
/** On a new leader: nodes without a session are probed after this. */
export const DISPATCH_RETURN_PROBE_MS = 1000;
/** The second probe of such a node, after a refused first: the process may just be starting. */
export const DISPATCH_PROBE_AGAIN_MS = 250;
/** Longest patience with a worker that announced its restart. */
export const DISPATCH_RESTART_MS_MAX = 60_000;
/** Changes that follow each other within this share one message to a worker. */
export const DISPATCH_CHANGES_MS = 10;
/** Statuses that follow each other within this share one command a node. */
export const DISPATCH_REPORTS_MS = 20;
/** Statuses that wait for a command at all nodes together; at the bound they wait no longer. */
export const DISPATCH_REPORTS_WAITING_MAX = 1000;
/** Statuses of one session not yet stored; a worker that sends more is closed and starts over. */
export const DISPATCH_REPORTS_SESSION_MAX = 20_000;
/** Commands with statuses under way for one session; what comes more waits. */
export const DISPATCH_REPORTS_COMMANDS_MAX = 16;
/** Wait before a proposal that failed is made again. */
export const DISPATCH_RETRY_MS = 200;
/**
 * Tries to store statuses; then the session is closed, so that the worker tells them another
 * leader.
 */
export const DISPATCH_REPORT_TRIES_MAX = 5;
/** Messages with assignments that a worker has not taken; at the bound changes are gathered. */
export const DISPATCH_UNTAKEN_MAX = 64;
/** A worker that heartbeats but takes no assignment for this long is closed and starts over. */
export const DISPATCH_TAKEN_MS = 30_000;
/** Removed nodes remembered, so that they are refused when they come back. */
export const DISPATCH_REMOVED_MAX = 10_000;
/** Dials of one probe: a process that is dying refuses within a few of them. */
export const PROBE_TRIES = 6;
/** Pause between the dials of one probe. */
export const PROBE_PAUSE_MS = 40;
/** A dial that failed more slowly met silence, not a dying process: it is not repeated. */
export const PROBE_QUICK_MS = 300;

// Trust
/** A follower waits this long for the leader's answer to a join. */
export const CA_LEADER_MS = 8000;
/** Docker's shortest life of a node certificate: nodes renew at half of it at the earliest. */
export const CERTIFICATE_LIFE_MS_MIN = 60 * 60 * 1000;
/** A removed node is remembered this much beyond its certificate's end: clocks differ. */
export const REMOVED_NODE_MARGIN_MS = 7 * 24 * 60 * 60 * 1000;
/**
 * From the last node's new certificate to the end of the old root: every process of a node uses it
 * by then, for a manager looks after it each IDENTITY_LOOK_MS.
 */
export const ROOT_SETTLE_MS = 2500;
/** How often a manager looks whether its node's certificate was renewed: three stats. */
export const IDENTITY_LOOK_MS = 1000;

// Containers of other nodes
/** Requests to one node at a time; further ones wait: half of what its API takes. */
export const NODE_CONNECTIONS_MAX = 512;
/** Connections to one node that wait for the next request about its containers. */
export const NODE_IDLE_CONNECTIONS_MAX = 4;
/** A follower looks this long for a task it does not know: its replica may lag a heartbeat. */
export const REPLICA_LAG_MS = 500;

/** Revisions of a stack that are kept for a way back; each holds its whole file. */
export const STACK_REVISIONS_MAX = 10;

/** A stack with its configs, base64; with what is made of it, it must fit one log entry. */
export const STACK_BODY_BYTES_MAX = 1024 * 1024;

// Gossip, shown
/** How long a node is asked for what its gossip knows. */
export const GOSSIP_ANSWER_MS = 1000;
/** Its answer for a thousand members is half of this. */
export const GOSSIP_ANSWER_BYTES_MAX = 2 * 1024 * 1024;
/** How long a node is asked what its ports carried: `service top` asks every second. */
export const TRAFFIC_ANSWER_MS = 1000;
/** 200 services and 2,000 tasks, with what a node says of each, are a quarter of this. */
export const TRAFFIC_ANSWER_BYTES_MAX = 2 * 1024 * 1024;
/** Swarm's bound for a secret's value. */
export const SECRET_DATA_BYTES_MAX = 512_000;
