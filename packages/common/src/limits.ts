/** Every bound of this package with its reason. docs/LIMITS.md lists them; a test keeps both in step. */

// Network
/** Longest single message on a control link: a batch of Raft entries fits, an attack does not. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** A link whose peer does not read this much is closed with `overflow`: memory stays bounded. */
export const LINK_QUEUE_BYTES_MAX = 16 * 1024 * 1024;
/** A dial that takes longer proves nothing and is given up. */
export const DIAL_TIMEOUT_MS = 2000;
