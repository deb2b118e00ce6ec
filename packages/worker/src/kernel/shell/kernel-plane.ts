/**
 * Brings the kernel to what the plan says: lists, compares, repairs. Runs at every change, and
 * every few seconds, since others may have touched what is ours; one run at a time, and a change
 * during a run is one more run. An agent that comes back finds the namespaces of its tasks and
 * leaves them as they are.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { NetworkId, NodeId, TaskId } from "@skein/common/ids";
import type { Log } from "@skein/common/io/log";
import type { ServiceRoute } from "@skein/common/model/routes";
import { KERNEL_AUDIT_MS, KERNEL_MTU } from "../../limits.ts";
import {
  interfaceOf,
  interfacePrefix,
  namespaceOf,
  namespacePrefix,
  TUNNEL,
  tunnelMac,
} from "../names.ts";
import type { KernelNode, KernelTask } from "../plan.ts";
import { insideTask, planKernel } from "../plan.ts";
import { ip, ipBatch } from "./ip.ts";
import { readKernel } from "./kernel-state.ts";

const TUNNEL_PORT = 4789;
/** `ip netns exec` lays these files over /etc of who it runs. */
const NETNS_FILES = "/etc/netns";
/** Where `ip netns` keeps its names. */
const NETNS_NAMES = "/var/run/netns";

export interface KernelPlaneOptions {
  readonly node: NodeId;
  readonly underlay: string;
  readonly gateway: string;
  readonly log: Log;
}

export interface TaskNetworks extends KernelTask {
  readonly subnets: ReadonlyMap<NetworkId, string>;
  /** Domains that are tried behind a name. */
  readonly search: readonly string[];
}

/** Undefined: this machine grants it; else what is missing, with the remedy. */
export async function probeKernelPlane(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "it needs root: start Skein as root";
  const probe = `skein-probe-${process.pid}`;
  try {
    await ip(["netns", "add", probe]);
    await ip(["-n", probe, "link", "add", "probe", "type", "vxlan", "external", "dstport", "1"]);
    return undefined;
  } catch (error) {
    return `it needs ip, network namespaces and VXLAN: ${String(error)}`;
  } finally {
    await ip(["netns", "del", probe]).catch(() => undefined);
  }
}

export class KernelPlane {
  readonly #options: KernelPlaneOptions;
  readonly #tasks = new Map<TaskId, KernelTask>();
  readonly #label: string;
  #routes: readonly ServiceRoute[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;
  /** Facts put right since the start: at rest it does not grow. */
  repairs = 0;

  constructor(options: KernelPlaneOptions) {
    this.#options = options;
    this.#label = `lo:${interfacePrefix(options.node)}`;
  }

  /** Once, before tasks. `kept`: tasks of a former agent that still run. */
  async open(kept: ReadonlySet<TaskId>): Promise<void> {
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    await this.#sweep(kept);
    await this.#reconcile();
    this.#schedule();
  }

  routes(routes: readonly ServiceRoute[]): Promise<void> {
    this.#routes = routes;
    return this.#run();
  }

  /** Makes the task's namespace, or takes over the one that is there. Answers with its name. */
  async attach(task: TaskNetworks): Promise<string> {
    const { node, gateway } = this.#options;
    const name = namespaceOf(node, task.taskId);
    const there = await namespaces();
    if (!there.includes(name)) {
      const [device, mtu] = [interfaceOf(node, task.taskId), KERNEL_MTU];
      await mkdir(`${NETNS_FILES}/${name}`, { recursive: true });
      const search = task.search.length === 0 ? "" : `search ${task.search.join(" ")}\n`;
      const resolv = `nameserver ${gateway}\n${search}options ndots:1\n`;
      await writeFile(`${NETNS_FILES}/${name}/resolv.conf`, resolv);
      await ip(["netns", "add", name]);
      await ipBatch([
        `link add ${device} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${name}`,
        `link set ${device} up`,
      ]);
      await this.#run();
      await ipBatch(insideTask(this.#node(), task, task.subnets), ["-n", name]);
    }
    this.#tasks.set(task.taskId, task);
    await this.#run();
    return name;
  }

  async detach(taskId: TaskId): Promise<void> {
    this.#tasks.delete(taskId);
    await this.#remove(namespaceOf(this.#options.node, taskId));
    await this.#run();
  }

  /** `keep`: tasks run on, and their network with them. */
  async close(keep: boolean): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
    if (keep) return;
    this.#tasks.clear();
    this.#routes = [];
    await this.#sweep(new Set());
    const state = await readKernel(this.#options.node, this.#label);
    await ipBatch([...state.values()]).catch(() => undefined);
  }

  #node(): KernelNode {
    const { node: id, underlay, gateway } = this.#options;
    const own = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
    return { id, underlay, gateway, machine: new Set(own.map((one) => one.address)) };
  }

  /** Namespaces of tasks that are no more: what a crash, or a kill of everything, left. */
  async #sweep(kept: ReadonlySet<TaskId>): Promise<void> {
    const prefix = namespacePrefix(this.#options.node);
    const names = await namespaces();
    for (const name of names.filter((one) => one.startsWith(prefix))) {
      const isKept = [...kept].some((task) => name === `${prefix}${task}`);
      if (!isKept) await this.#remove(name);
    }
  }

  /** With it goes its end of the pair, and with that its routes and rules. */
  async #remove(name: string): Promise<void> {
    const device = interfaceOf(
      this.#options.node,
      // The name ends with the task's id.
      name.slice(namespacePrefix(this.#options.node).length) as TaskId,
    );
    await ip(["link", "del", device]).catch(() => undefined);
    await ip(["netns", "del", name]).catch(() => undefined);
    await rm(`${NETNS_FILES}/${name}`, { recursive: true, force: true });
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.#run().then(() => this.#schedule());
    }, KERNEL_AUDIT_MS);
    this.#timer.unref();
  }

  /** Resolves when a run that began after the call is over. */
  async #run(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      await this.#running;
      if (this.#running === undefined && !this.#again) return;
    }
    this.#again = false;
    if (this.#running === undefined) {
      this.#running = this.#reconcile().finally(() => {
        this.#running = undefined;
      });
    }
    await this.#running;
  }

  async #reconcile(): Promise<void> {
    const plan = planKernel(this.#node(), [...this.#tasks.values()], this.#routes);
    try {
      if (plan.tunnel) await this.#makeTunnel();
      const state = await readKernel(this.#options.node, this.#label);
      const wanted = new Map(plan.facts.map((fact) => [`${fact.kind} ${fact.key}`, fact]));
      // A neighbour may be another node's of this machine: it goes with the tunnel.
      const surplus = [...state]
        .filter(([key]) => !wanted.has(key) && !key.startsWith("neighbour"))
        .map(([, remove]) => remove);
      const missing = [...wanted]
        .filter(([key]) => !state.has(key))
        .map(([, { kind, add }]) => (kind === "address" ? `${add} label ${this.#label}` : add));
      this.repairs += surplus.length + missing.length;
      await ipBatch([...surplus, ...missing]);
    } catch (error) {
      // Looked at again soon; what is said twice is said twice.
      const fields = { error: error instanceof Error ? error.message : String(error) };
      this.#options.log.write("warn", "the kernel does not have all of the network", fields);
    }
  }

  async #makeTunnel(): Promise<void> {
    if (networkInterfaces()[TUNNEL] !== undefined) return;
    const { underlay } = this.#options;
    const exists = await ip(["link", "show", "dev", TUNNEL]).then(
      () => true,
      () => false,
    );
    if (exists) return;
    await ipBatch([
      `link add ${TUNNEL} type vxlan external dstport ${TUNNEL_PORT} nolearning`,
      `link set ${TUNNEL} address ${tunnelMac(underlay)} mtu ${KERNEL_MTU} up`,
    ]);
    await writeFile(`/proc/sys/net/ipv4/conf/${TUNNEL}/rp_filter`, "0");
  }
}

/** None where no namespace was ever named. */
async function namespaces(): Promise<readonly string[]> {
  return readdir(NETNS_NAMES).catch((): string[] => []);
}
