/** Shared with the worker's socket: see common. */
export * from "@skein/common/api/time";
