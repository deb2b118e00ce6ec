/**
 * Machines with addresses of their own: network namespaces joined by a bridge. Made and removed by
 * the test that uses them; needs root.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const exec = promisify(execFile);
const ip = (line: string) => exec("ip", line.split(" "));

export class BridgedHosts {
  readonly #name: string;
  readonly #subnet: string;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
    this.#name = `sh${process.pid.toString(36)}`;
    this.#subnet = `10.200.${process.pid % 250}`;
  }

  async make(): Promise<void> {
    await ip(`link add ${this.#name} type bridge`);
    await ip(`address add ${this.#subnet}.254/24 dev ${this.#name}`);
    await ip(`link set ${this.#name} up`);
    for (const at of this.#all()) await this.#add(at);
  }

  /** Nothing of it stays, whatever `make` came to. */
  async remove(): Promise<void> {
    for (const at of this.#all())
      await ip(`netns delete ${this.#space(at)}`).catch(() => undefined);
    await ip(`link delete ${this.#name}`).catch(() => undefined);
  }

  address(at: number): string {
    return `${this.#subnet}.${at}`;
  }

  /** What a command of this host begins with. */
  inside(at: number): readonly string[] {
    return ["nsenter", `--net=/var/run/netns/${this.#space(at)}`];
  }

  /** The cable, pulled and plugged in again. */
  async setCable(at: number, state: "up" | "down"): Promise<void> {
    await ip(`link set ${this.#cable(at)} ${state}`);
  }

  async #add(at: number): Promise<void> {
    const [space, cable] = [this.#space(at), this.#cable(at)];
    await ip(`netns add ${space}`);
    await ip(`link add ${cable} type veth peer name eth0 netns ${space}`);
    await ip(`link set ${cable} master ${this.#name}`);
    await ip(`link set ${cable} up`);
    await ip(`-n ${space} address add ${this.address(at)}/24 dev eth0`);
    await ip(`-n ${space} link set eth0 up`);
    await ip(`-n ${space} link set lo up`);
  }

  #space(at: number): string {
    return `${this.#name}-${at}`;
  }

  #cable(at: number): string {
    return `${this.#name}v${at}`;
  }

  #all(): readonly number[] {
    return Array.from({ length: this.#count }, (_, index) => index + 1);
  }
}
