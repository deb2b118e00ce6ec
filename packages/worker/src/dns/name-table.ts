/**
 * Names and addresses of one node's serving table, for the resolver: built anew at every change.
 */
import type { NetworkId } from "@skein/common/ids";
import type { Attachment, Backend, ServiceRoute } from "@skein/common/model/routes";

/** A service on one network. */
export interface NamedService {
  readonly service: string;
  readonly dnsrr: boolean;
  readonly attachment: Attachment;
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
  readonly tasks: readonly Backend[];
}

/** How addresses look to the tasks of this node. */
export interface Realise {
  vip(address: string): string;
  task(backend: Backend, network: NetworkId): string;
}

export interface Owner {
  readonly service: string;
  readonly networkId: NetworkId;
  /** Absent: the virtual address. */
  readonly slot?: number;
}

export class NameTable {
  readonly realise: Realise;
  /** Lower case. */
  readonly #byName = new Map<string, NamedService[]>();
  /** Realised address -> whose it is. */
  readonly #owners = new Map<string, Owner>();

  constructor(routes: readonly ServiceRoute[], realise: Realise) {
    this.realise = realise;
    for (const route of routes) this.#add(route);
  }

  /** Services that are called so, each once for every network. */
  services(name: string): readonly NamedService[] {
    return this.#byName.get(name) ?? [];
  }

  owner(address: string): Owner | undefined {
    return this.#owners.get(address);
  }

  #add({ name: service, names, backends }: ServiceRoute): void {
    if (names === undefined) return;
    for (const attachment of names.attachments) {
      const { networkId } = attachment;
      const tasks = backends.filter((one) => one.networks?.some((n) => n.networkId === networkId));
      const { dnsrr, namedPorts } = names;
      const named = { service, dnsrr, attachment, namedPorts, tasks };
      for (const name of namesIn(service, names.stack, attachment)) this.#put(name, named);
      if (attachment.vip !== undefined) {
        this.#owners.set(this.realise.vip(attachment.vip), { service, networkId });
      }
      for (const task of tasks) {
        const owner = { service, networkId, slot: task.slot ?? 0 };
        this.#owners.set(this.realise.task(task, networkId), owner);
      }
    }
  }

  #put(name: string, service: NamedService): void {
    const key = name.toLowerCase();
    const known = this.#byName.get(key);
    if (known === undefined) this.#byName.set(key, [service]);
    else if (!known.includes(service)) known.push(service);
  }
}

/** "shop_api" of the stack shop: also "api.shop"; and each name under its network. */
function namesIn(
  service: string,
  stack: string | undefined,
  { aliases, network }: Attachment,
): readonly string[] {
  const prefix = `${stack}_`;
  const short =
    stack !== undefined && service.startsWith(prefix) ? service.slice(prefix.length) : "";
  const plain = [service, ...aliases];
  return [
    ...plain,
    ...plain.map((name) => `${name}.${network}`),
    ...(short === "" ? [] : [`${short}.${stack}`]),
  ];
}
