/** What the kernel has of this node, by the keys of the plan's facts, and how each goes. */
import type { NodeId } from "@skein/common/ids";
import { interfacePrefix, metricOf, TUNNEL } from "../names.ts";
import { ip, ipJson } from "./ip.ts";

/** `kind key` -> the line of `ip` that takes it away. */
export type KernelState = ReadonlyMap<string, string>;

export async function readKernel(node: NodeId, label: string): Promise<KernelState> {
  const state = new Map<string, string>();
  await readAddresses(state, label);
  await readNeighbours(state);
  await readRoutes(state, node);
  await readRules(state, node);
  return state;
}

/** Text of a field, whatever it is. */
function field(row: unknown, key: string): string {
  const value: unknown =
    typeof row === "object" && row !== null ? Reflect.get(row, key) : undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function rows(row: unknown, key: string): readonly unknown[] {
  const value: unknown =
    typeof row === "object" && row !== null ? Reflect.get(row, key) : undefined;
  return Array.isArray(value) ? value : [];
}

async function readAddresses(state: Map<string, string>, label: string): Promise<void> {
  for (const link of await ipJson("addr", "show", "dev", "lo")) {
    for (const info of rows(link, "addr_info")) {
      if (field(info, "label") !== label) continue;
      const address = field(info, "local");
      state.set(`address ${address}`, `addr del ${address}/32 dev lo`);
    }
  }
}

async function readNeighbours(state: Map<string, string>): Promise<void> {
  const list = ipJson("neigh", "show", "dev", TUNNEL, "nud", "permanent");
  for (const row of await list.catch(() => [])) {
    const [to, mac] = [field(row, "dst"), field(row, "lladdr")];
    state.set(`neighbour ${to} ${mac}`, `neigh del ${to} dev ${TUNNEL}`);
  }
}

/** As text: in its JSON a tunnel's destination takes the place of the route's. */
async function readRoutes(state: Map<string, string>, node: NodeId): Promise<void> {
  const metric = String(metricOf(node));
  const text = await ip(["-4", "-o", "route", "show", "table", "all"]);
  for (const line of text.split("\n")) {
    const after = (word: string): string => new RegExp(` ${word} (\\S+)`).exec(line)?.[1] ?? "";
    if (after("metric") !== metric) continue;
    const [to = ""] = line.split(" ");
    const table = after("table") || "main";
    const [device, gateway] = [after("dev"), after("via")];
    const where = gateway === "" ? device : `${device} to ${gateway}`;
    const remove = `route del ${to} table ${table} metric ${metric}`;
    state.set(`route ${to} table ${table} ${where}`, remove);
  }
}

async function readRules(state: Map<string, string>, node: NodeId): Promise<void> {
  const prefix = interfacePrefix(node);
  for (const row of await ipJson("-4", "rule", "show")) {
    const device = field(row, "iif");
    if (!device.startsWith(prefix)) continue;
    const to = field(row, "dst");
    const range = to === "" ? "" : ` to ${to}/${field(row, "dstlen")}`;
    const table = field(row, "table");
    const end = table === "" ? "type unreachable" : `table ${table}`;
    const text = `pref ${field(row, "priority")} iif ${device}${range} ${end}`;
    state.set(`rule ${text}`, `rule del ${text}`);
  }
}
