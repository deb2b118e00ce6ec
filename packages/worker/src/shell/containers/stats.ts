/**
 * GET /containers/{id}/stats: what the processes of a task use, from /proc. The time of a process
 * that ended is in its parent's share for children, so the sum over the living does not fall.
 */
import { readFileSync } from "node:fs";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { containerId, containerName } from "@skein/common/api/container";
import { isSet } from "@skein/common/api/query";
import { ZERO_TIME } from "@skein/common/api/time";
import { STATS_PERIOD_MS } from "../../limits.ts";
import { beginStream, sendJson, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts, LocalContainer } from "./container-ports.ts";
import { findLocal, isRunning, lookAgain } from "./local-containers.ts";

/** /proc counts in hundredths of a second on every architecture Node.js runs on. */
const NANOSECONDS_PER_TICK = 10_000_000;

interface Sample {
  readonly at: string;
  readonly user: number;
  readonly kernel: number;
  readonly system: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export async function stats(ports: ContainerPorts, call: Call): Promise<void> {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const isStream = isSet(call.query.get("stream") ?? "1");
  const oneShot = isSet(call.query.get("one-shot") ?? undefined);
  const container = found.value;
  if (!isStream) {
    const before = oneShot || !isRunning(container) ? undefined : await look(ports, container);
    if (before !== undefined) await sleep(STATS_PERIOD_MS);
    const now = isRunning(container) ? await look(ports, container) : undefined;
    return sendJson(call.response, 200, shape(container, now, before));
  }
  beginStream(call.response, "application/json");
  await follow(ports, call, container);
}

/** A line each period until the client, or the task, is gone; a slow reader misses lines. */
async function follow(ports: ContainerPorts, call: Call, first: LocalContainer): Promise<void> {
  const { response } = call;
  let before: Sample | undefined;
  for (;;) {
    const container = lookAgain(ports, first.taskId);
    if (container === undefined || response.destroyed) break;
    const now = isRunning(container) ? await look(ports, container) : undefined;
    if (response.writableLength === 0) {
      response.write(`${JSON.stringify(shape(container, now, before))}\n`);
    }
    before = now;
    await sleep(STATS_PERIOD_MS);
  }
  response.end();
}

async function look(ports: ContainerPorts, container: LocalContainer): Promise<Sample> {
  const members = await ports.engine.members(container.taskId);
  const sum = { user: 0, kernel: 0, memoryBytes: 0, readBytes: 0, writtenBytes: 0 };
  for (const { pid } of members) {
    const { user, kernel } = cpuTicks(pid);
    sum.user += user * NANOSECONDS_PER_TICK;
    sum.kernel += kernel * NANOSECONDS_PER_TICK;
    sum.memoryBytes += numberIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+)/m) * 1024;
    sum.readBytes += numberIn(`/proc/${pid}/io`, /^read_bytes: (\d+)/m);
    sum.writtenBytes += numberIn(`/proc/${pid}/io`, /^write_bytes: (\d+)/m);
  }
  const at = new Date().toISOString();
  return { at, ...sum, system: systemNanoseconds(), processes: members.length };
}

function cpuTicks(pid: number): { readonly user: number; readonly kernel: number } {
  const text = readProc(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = (at: number): number => Number(fields[at] ?? 0) || 0;
  return { user: ticks(11) + ticks(13), kernel: ticks(12) + ticks(14) };
}

function systemNanoseconds(): number {
  const [, line = ""] = /^cpu +([\d ]+)/m.exec(readProc("/proc/stat")) ?? [];
  const ticks = line.split(" ").slice(0, 8).map(Number);
  return ticks.reduce((sum, tick) => sum + tick, 0) * NANOSECONDS_PER_TICK;
}

function numberIn(path: string, pattern: RegExp): number {
  return Number(pattern.exec(readProc(path))?.[1] ?? 0);
}

/** A process that ended between two looks uses nothing. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function shape(
  container: LocalContainer,
  now: Sample | undefined,
  before: Sample | undefined,
): object {
  const limit = container.spec.limitMemoryBytes ?? os.totalmem();
  return {
    read: now?.at ?? ZERO_TIME,
    preread: before?.at ?? ZERO_TIME,
    pids_stats: now === undefined ? {} : { current: now.processes },
    blkio_stats: blockStats(now),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(now),
    precpu_stats: cpuStats(before),
    memory_stats: now === undefined ? {} : { usage: now.memoryBytes, stats: {}, limit },
    name: `/${containerName(container)}`,
    id: containerId(container.taskId),
  };
}

function cpuStats(sample: Sample | undefined): object {
  const throttling = { periods: 0, throttled_periods: 0, throttled_time: 0 };
  const { user = 0, kernel = 0 } = sample ?? {};
  return {
    cpu_usage: {
      total_usage: user + kernel,
      usage_in_kernelmode: kernel,
      usage_in_usermode: user,
    },
    ...(sample === undefined
      ? {}
      : { system_cpu_usage: sample.system, online_cpus: os.cpus().length }),
    throttling_data: throttling,
  };
}

function blockStats(sample: Sample | undefined): object {
  const entry = (op: string, value: number): object => ({ major: 0, minor: 0, op, value });
  const bytes =
    sample === undefined
      ? null
      : [entry("read", sample.readBytes), entry("write", sample.writtenBytes)];
  return {
    io_service_bytes_recursive: bytes,
    io_serviced_recursive: null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}
