/** Structured log port: one JSON line each, with node and term added by the adapter. */
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Log {
  write(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** For tests and the simulator. */
export const silentLog: Log = { write: () => undefined };
