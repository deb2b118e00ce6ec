/**
 * The write-ahead log on a real disk: one batch after the other, as one Raft group writes. Beside
 * it, in turns, bare writes and fdatasyncs of as many bytes into a zero-filled file: what no log
 * can beat.
 *
 * The directory is the system's temporary one, or SKEIN_BENCH_DIR: on a file system in memory a
 * sync is free and the figures mean the processor alone.
 */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { clusterId, logIndex, raftId, term } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import { createFileDisk } from "@skein/common/node/file-disk";
import { systemClock } from "@skein/common/node/system-clock";
import { systemRandom } from "@skein/common/node/system-random";
import type { Entry } from "@skein/manager/raft/protocol";
import type { PersistEffect, RaftStorage } from "@skein/manager/wal/raft-storage";
import { openRaftStorage } from "@skein/manager/wal/raft-storage";
import { report, reportTimes } from "./report.ts";

const BATCH_SIZES = [1, 16, 256];
/** The size of the values in the comparison with etcd. */
const ENTRY_BYTES = 340;
const BATCHES_PER_ROUND = 50;
const RAW_FILE_BYTES = 32 * 1024 * 1024;

export async function benchWal(rounds: number): Promise<void> {
  for (const size of BATCH_SIZES) await benchBatches(size, rounds);
}

async function benchBatches(size: number, rounds: number): Promise<void> {
  const root = mkdtempSync(join(process.env["SKEIN_BENCH_DIR"] ?? tmpdir(), "skein-wal-"));
  const raw = openRaw(join(root, "raw"));
  try {
    const storage = await open(root);
    const log: number[] = [];
    const bare: number[] = [];
    let next = 1;
    for (let round = 0; round < rounds; round += 1) {
      for (let batch = 0; batch < BATCHES_PER_ROUND; batch += 1) {
        const effects = [effectOf(next, size)];
        log.push(await timed((done) => storage.persist(effects, done)));
        next += size;
      }
      const bytes = size * (ENTRY_BYTES + 52) + 200;
      for (let batch = 0; batch < BATCHES_PER_ROUND; batch += 1) {
        bare.push(await timeRaw(raw, bytes));
      }
    }
    await new Promise<void>((resolve) => storage.close(resolve));
    tell(size, log, bare);
  } finally {
    closeSync(raw.descriptor);
    rmSync(root, { recursive: true });
  }
}

function tell(size: number, log: readonly number[], bare: readonly number[]): void {
  const rate = (times: readonly number[]) =>
    Math.round((times.length * size * 1000) / times.reduce((a, b) => a + b, 0));
  report({
    bench: "wal",
    case: `entries of ${ENTRY_BYTES} bytes, ${size} a batch`,
    unit: "entries/s",
    better: "higher",
    ours: rate(log),
    samples: log.length,
    peer: { name: "write and fdatasync of as many bytes", value: rate(bare) },
  });
  reportTimes("wal", `a batch of ${size} durable`, log);
  reportTimes("wal", `bare write and fdatasync of ${size}`, bare);
}

function effectOf(from: number, size: number): PersistEffect {
  const data = new Uint8Array(ENTRY_BYTES).fill(from);
  const entries = Array.from({ length: size }, (_, n): Entry => {
    return { index: logIndex(from + n), term: term(1), kind: "command", data };
  });
  const hardState = { term: term(1), commit: logIndex(from - 1) };
  return { kind: "persist", hardState, entries };
}

function open(root: string): Promise<RaftStorage> {
  const options = {
    disk: createFileDisk(root),
    directory: "raft",
    clusterId: clusterId("bench"),
    raftId: raftId("bench"),
    bootstrap: { voters: [raftId("bench")], learners: [], addresses: {} },
    random: systemRandom(),
    log: silentLog,
    metrics: noMetrics,
    clock: systemClock(),
    crc32,
  };
  return new Promise((resolve, reject) => {
    openRaftStorage(options, (result) => {
      if (result.ok) resolve(result.value.storage);
      else reject(new Error(result.error.message));
    });
  });
}

function timed(call: (done: (error: string | undefined) => void) => void): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === undefined) resolve(performance.now() - began);
      else reject(new Error(error));
    });
  });
}

interface RawFile {
  readonly descriptor: number;
  position: number;
}

function openRaw(path: string): RawFile {
  const descriptor = openSync(path, "wx");
  const zeros = new Uint8Array(1024 * 1024);
  for (let at = 0; at < RAW_FILE_BYTES; at += zeros.length) {
    writeSync(descriptor, zeros, 0, zeros.length, at);
  }
  return { descriptor, position: 0 };
}

const writeRaw = promisify(write);
const syncRaw = promisify(fdatasync);

async function timeRaw(raw: RawFile, bytes: number): Promise<number> {
  if (raw.position + bytes > RAW_FILE_BYTES) raw.position = 0;
  const began = performance.now();
  await writeRaw(raw.descriptor, new Uint8Array(bytes).fill(1), 0, bytes, raw.position);
  await syncRaw(raw.descriptor);
  raw.position += Math.ceil(bytes / 512) * 512;
  return performance.now() - began;
}
