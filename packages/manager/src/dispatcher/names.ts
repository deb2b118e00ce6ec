/** What a service is called on its overlay networks: the part of its route that DNS reads. */
import type { Names } from "@skein/common/model/routes";
import type { Service } from "@skein/common/model/service";
import type { ClusterView } from "../store/view.ts";

/** Docker's CLI and ours label what a stack is made of. */
const STACK_LABEL = "com.docker.stack.namespace";

/** Undefined: on no network but the one every task is on, where nothing has a name. */
export function namesOf(view: ClusterView, service: Service): Names | undefined {
  const { spec, vips = [] } = service;
  const wishes = spec.task.networks ?? [];
  if (wishes.length === 0) return undefined;
  const attachments = wishes.flatMap(({ networkId, aliases }) => {
    const network = view.networks.get(networkId);
    if (network === undefined) return [];
    const vip = vips.find((one) => one.networkId === networkId)?.address;
    const { name } = network.spec;
    const base = { networkId, network: name, subnet: network.subnet, aliases };
    return [vip === undefined ? base : { ...base, vip }];
  });
  const stack = Object.hasOwn(spec.labels, STACK_LABEL) ? spec.labels[STACK_LABEL] : undefined;
  const namedPorts = service.ports.flatMap(({ name, protocol, targetPort: port }) =>
    name === undefined || protocol !== "tcp" ? [] : [{ name, port }],
  );
  const base = { dnsrr: spec.endpointMode === "dnsrr", attachments, namedPorts };
  return stack === undefined ? base : { stack, ...base };
}
