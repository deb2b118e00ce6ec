/**
 * Limits of tasks by cgroups, version 1 and 2, where this machine lets the worker make groups. What
 * cannot be enforced is told to the leader (it places no such task here) and refused, never run
 * without.
 *
 * Invariants:
 *   C1. A task's processes are in its group before its command begins: the wrapper waits.
 *   C2. Groups of other nodes of this machine are never touched: each node has a folder of its own.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { RunSpec } from "./engine.ts";
import { systemWords } from "./process-resolve.ts";

export type LimitKind = "cpu" | "memory" | "pids";
const KINDS: readonly LimitKind[] = ["cpu", "memory", "pids"];
const CPU_PERIOD_US = 100_000;
const NANO = 1_000_000_000;

interface Place {
  readonly version: 1 | 2;
  /** This node's folder in the hierarchy. */
  readonly directory: string;
}

export class Cgroups {
  readonly #places = new Map<LimitKind, Place>();
  /** Why a kind is missing, in the system's words. */
  readonly #missing = new Map<LimitKind, string>();

  /** `name`: of this node's folder. `proc`: where this process's groups and mounts are told. */
  constructor(name: string, proc = "/proc/self") {
    for (const kind of KINDS) {
      try {
        this.#places.set(kind, makePlace(kind, { name, proc }));
      } catch (error) {
        this.#missing.set(kind, systemWords(error));
      }
    }
  }

  /** What this node can enforce. */
  kinds(): readonly LimitKind[] {
    return [...this.#places.keys()];
  }

  /** Undefined: every limit asked for can be enforced. */
  whyNot(spec: RunSpec): string | undefined {
    const kind = askedFor(spec).find((one) => !this.#places.has(one));
    if (kind === undefined) return undefined;
    return `cannot limit ${kind}: no writable cgroup: ${this.#missing.get(kind) ?? "unknown"}`;
  }

  /** C1: called while the wrapper waits for its word. */
  enter(spec: RunSpec, pid: number): void {
    for (const directory of this.#directories(spec, askedFor(spec))) {
      mkdirSync(directory, { recursive: true });
    }
    for (const kind of askedFor(spec)) {
      const place = this.#places.get(kind);
      if (place === undefined) continue;
      const directory = join(place.directory, spec.taskId);
      for (const [file, value] of settings(spec, kind, place.version)) {
        writeFileSync(join(directory, file), value);
      }
      writeFileSync(join(directory, "cgroup.procs"), String(pid));
    }
  }

  /** Its processes are gone; the kernel refuses a group that is not empty. */
  remove(taskId: string): void {
    for (const { directory } of this.#places.values()) tryRemove(join(directory, taskId));
  }

  /** What a former agent left behind: only empty groups can be removed. */
  sweep(): void {
    for (const { directory } of this.#places.values()) {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        if (entry.isDirectory()) tryRemove(join(directory, entry.name));
      }
    }
  }

  #directories(spec: RunSpec, kinds: readonly LimitKind[]): ReadonlySet<string> {
    const places = kinds.flatMap((kind) => this.#places.get(kind) ?? []);
    return new Set(places.map(({ directory }) => join(directory, spec.taskId)));
  }
}

function askedFor(spec: RunSpec): readonly LimitKind[] {
  return [
    ...(spec.limitNanoCpus === undefined ? [] : ["cpu" as const]),
    ...(spec.limitMemoryBytes === undefined ? [] : ["memory" as const]),
    ...(spec.limitPids === undefined ? [] : ["pids" as const]),
  ];
}

type Setting = readonly [file: string, value: string];

function settings(spec: RunSpec, kind: LimitKind, version: 1 | 2): readonly Setting[] {
  if (kind === "pids") return [["pids.max", String(spec.limitPids ?? 0)]];
  if (kind === "memory") {
    const bytes = String(spec.limitMemoryBytes ?? 0);
    return [[version === 1 ? "memory.limit_in_bytes" : "memory.max", bytes]];
  }
  const quota = Math.max(1000, Math.round(((spec.limitNanoCpus ?? 0) / NANO) * CPU_PERIOD_US));
  if (version === 2) return [["cpu.max", `${quota} ${CPU_PERIOD_US}`]];
  return [
    ["cpu.cfs_period_us", String(CPU_PERIOD_US)],
    ["cpu.cfs_quota_us", String(quota)],
  ];
}

interface Here {
  readonly name: string;
  readonly proc: string;
}

function makePlace(kind: LimitKind, { name, proc }: Here): Place {
  const first = controllerFolder(kind, proc);
  if (first !== undefined) {
    const directory = join(first, name);
    mkdirSync(directory, { recursive: true });
    return { version: 1, directory };
  }
  const own = controllerFolder("", proc);
  if (own === undefined) throw new Error("no cgroup file system is mounted");
  const offered = readFileSync(join(own, "cgroup.controllers"), "utf8").split(/\s+/);
  if (!offered.includes(kind)) throw new Error(`controller ${kind} is not delegated to ${own}`);
  const directory = join(own, name);
  mkdirSync(directory, { recursive: true });
  handDown(own, kind);
  handDown(directory, kind);
  return { version: 2, directory };
}

/** Version 2 gives a controller to children only where the group itself holds no process. */
function handDown(directory: string, kind: LimitKind): void {
  const file = join(directory, "cgroup.subtree_control");
  if (readFileSync(file, "utf8").split(/\s+/).includes(kind)) return;
  try {
    writeFileSync(file, `+${kind}`);
  } catch {
    const leaf = join(directory, "skein-agent");
    mkdirSync(leaf, { recursive: true });
    writeFileSync(join(leaf, "cgroup.procs"), String(process.pid));
    writeFileSync(file, `+${kind}`);
  }
}

/** This process's folder in the hierarchy of a controller; "" is version 2. */
function controllerFolder(kind: LimitKind | "", proc: string): string | undefined {
  const lines = readFileSync(join(proc, "cgroup"), "utf8").split("\n");
  const line = lines.find((one) => one.split(":")[1]?.split(",").includes(kind) === true);
  const path = line?.split(":").slice(2).join(":");
  const mount = mountPoint(kind, proc);
  if (path === undefined || mount === undefined) return undefined;
  const directory = join(mount, path);
  // A container may see its own group as the root of the mount.
  return existsSync(directory) ? directory : mount;
}

function mountPoint(kind: LimitKind | "", proc: string): string | undefined {
  for (const line of readFileSync(join(proc, "mounts"), "utf8").split("\n")) {
    const [, point, type, options = ""] = line.split(" ");
    if (kind === "" ? type === "cgroup2" : type === "cgroup" && options.split(",").includes(kind)) {
      return point;
    }
  }
  return undefined;
}

function tryRemove(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty yet, or not there: `sweep` comes by at the next start.
  }
}
