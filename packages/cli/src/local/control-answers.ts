/** What the launcher answers on its socket. */
import { ApiClient } from "../api/client.ts";
import { at, listAt, textAt } from "../api/read.ts";
import { READY_LOOK_MS, START_REGISTERED_MS, UP_READY_MS } from "../limits.ts";
import type { ClusterFile } from "./cluster-file.ts";
import { socketPath } from "./cluster-file.ts";
import type { LauncherAnswer, LauncherRequest } from "./control.ts";
import type { Cut, Launcher } from "./launcher.ts";

/** Whoever reads this may try again in a moment. */
export const STOPPING = "the cluster is being taken down";

export interface Answering {
  readonly launcher: Launcher;
  stop(reason: string): Promise<void>;
  /** Resolves when the cluster is ready, or with what failed. */
  readonly readiness: Promise<string | undefined>;
}

export async function answerControl(
  to: Answering,
  request: LauncherRequest,
): Promise<LauncherAnswer> {
  const { launcher } = to;
  if (request.do === "down") {
    await to.stop("skein down");
    return good("down");
  }
  if (launcher.stopping) return bad(STOPPING);
  switch (request.do) {
    case "wait": {
      const failed = await to.readiness;
      if (launcher.stopping) return bad(STOPPING);
      // Whoever waits reads `cluster.json` next: somebody may have damaged it meanwhile.
      launcher.save();
      return failed === undefined ? good("ready") : bad(failed);
    }
    case "problems":
      return good(launcher.problems().join("\n"));
    case "start":
      return start(launcher, request.node);
    case "cut":
      return cut(launcher, request.groups, request.oneWay === true);
  }
}

async function start(launcher: Launcher, name: string): Promise<LauncherAnswer> {
  const node = launcher.file.nodes.find((one) => one.name === name);
  if (node === undefined) return bad(`there is no node ${name}`);
  const started = launcher.startNode(node);
  if (started.length === 0) return good(`${name} is running already`);
  const failed = await launcher.ready([node], UP_READY_MS);
  if (failed !== undefined) return bad(failed);
  await registered(launcher.file, node.id);
  return good(`started ${name} (${started.join(", ")})`);
}

/** Waits until the managers count the node as ready, if they can. */
async function registered(file: ClusterFile, id: string): Promise<void> {
  const client = new ApiClient([socketPath(file.api)]);
  const request = { method: "GET", path: "/skein/v1/status", timeoutMs: 1000, once: true } as const;
  const deadline = Date.now() + START_REGISTERED_MS;
  while (Date.now() < deadline) {
    const answer = await client.call(request);
    if (!answer.ok || at(answer.value, "leader") === null) return;
    const rows = listAt(answer.value, "nodes");
    if (rows.some((row) => textAt(row, "id") === id && textAt(row, "state") === "ready")) return;
    await new Promise((resolve) => setTimeout(resolve, READY_LOOK_MS));
  }
}

function cut(
  launcher: Launcher,
  groups: readonly (readonly string[])[],
  oneWay: boolean,
): LauncherAnswer {
  const { file } = launcher;
  const unknown = groups.flat().find((name) => !file.nodes.some((node) => node.name === name));
  if (unknown !== undefined) return bad(`there is no node ${unknown}`);
  launcher.cut(oneWay ? mute(file, groups) : cutsBetween(file, groups));
  const [first = "", ...others] = groups.map((group) => group.join(","));
  if (first === "") return good("healed: every node hears every other");
  if (oneWay) return good(`cut one way: nothing from ${first} reaches ${others.join(",")}`);
  return good(`cut: ${[first, ...others].join(" / ")}`);
}

/** Everybody else is deaf to the first group. */
export function mute(
  file: Pick<ClusterFile, "nodes">,
  [first = [], ...others]: readonly (readonly string[])[],
): ReadonlyMap<string, Cut> {
  const deafTo = addressesOf(file, first);
  return new Map(others.flat().map((name) => [name, { addresses: [], deafTo }]));
}

/** For each node the addresses it no longer hears: those of every other group. */
export function cutsBetween(
  file: Pick<ClusterFile, "nodes">,
  groups: readonly (readonly string[])[],
): ReadonlyMap<string, Cut> {
  const cuts = new Map<string, Cut>();
  for (const group of groups) {
    const others = groups.filter((other) => other !== group).flat();
    const addresses = addressesOf(file, others);
    for (const name of group) cuts.set(name, { addresses });
  }
  return cuts;
}

function addressesOf(
  { nodes }: Pick<ClusterFile, "nodes">,
  names: readonly string[],
): readonly string[] {
  return names.flatMap((name) => nodes.find((node) => node.name === name)?.address ?? []);
}

function good(message: string): LauncherAnswer {
  return { ok: true, message };
}

function bad(message: string): LauncherAnswer {
  return { ok: false, message };
}
