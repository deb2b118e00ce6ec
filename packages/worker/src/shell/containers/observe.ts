/** What can be asked of a container without touching it: inspect, list, top. */
import { execFile } from "node:child_process";
import type { Checked } from "@skein/common/api/api-error";
import { badRequest, refuse } from "@skein/common/api/api-error";
import { inspectContainer } from "@skein/common/api/container-inspect";
import { containerRow, listContainers } from "@skein/common/api/container-list";
import { isSet } from "@skein/common/api/query";
import { ok } from "@skein/common/result";
import { TOP_OUTPUT_BYTES_MAX, TOP_TIMEOUT_MS } from "../../limits.ts";
import { sendJson, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts } from "./container-ports.ts";
import type { ExecRegistry } from "./exec-registry.ts";
import { findLocal, findRunning, localContainers } from "./local-containers.ts";

export function list(ports: ContainerPorts, call: Call): void {
  const withSize = isSet(call.query.get("size") ?? undefined);
  const context = { now: Date.now(), networkId: "", withSize };
  const rows = listContainers(localContainers(ports), call.query);
  if (!rows.ok) return sendRefusal(call.response, rows.error);
  const shown = rows.value.map((row) => containerRow(row, context));
  return sendJson(call.response, 200, shown);
}

export function inspect(ports: ContainerPorts, call: Call, execs: ExecRegistry): void {
  const found = findLocal(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const body = inspectContainer(found.value, {
    networkId: "",
    logPath: `${ports.engine.directory(found.value.taskId)}/stdout`,
    execIds: execs.runningOf(found.value.taskId),
    withSize: isSet(call.query.get("size") ?? undefined),
  });
  return sendJson(call.response, 200, body);
}

/** Docker runs `ps` on the host and keeps the lines of the container; so do we. */
export async function top(ports: ContainerPorts, call: Call): Promise<void> {
  const found = findRunning(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const args = (call.query.get("ps_args") ?? "").split(/\s+/).filter((arg) => arg !== "");
  const printed = await runPs(args.length === 0 ? ["-ef"] : args);
  if (!printed.ok) return sendRefusal(call.response, printed.error);
  const members = await ports.engine.members(found.value.taskId);
  const table = parsePs(printed.value, new Set(members.map((member) => String(member.pid))));
  if (table.ok) sendJson(call.response, 200, table.value);
  else sendRefusal(call.response, table.error);
}

function runPs(args: readonly string[]): Promise<Checked<string>> {
  const options = { timeout: TOP_TIMEOUT_MS, maxBuffer: TOP_OUTPUT_BYTES_MAX };
  return new Promise((resolve) => {
    execFile("ps", args, options, (error, out, err) => {
      if (error === null) return resolve(ok(out));
      const missing = "code" in error && error.code === "ENOENT";
      const reason = missing ? "this node has no program ps" : err.trim() || error.message;
      resolve(refuse(500, "ps-failed", `Cannot list processes: ${reason}`));
    });
  });
}

interface ProcessTable {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[];
}

/** Columns end at spaces, but for the last, which may hold some. */
export function parsePs(text: string, pids: ReadonlySet<string>): Checked<ProcessTable> {
  const [header = "", ...lines] = text.split("\n");
  const titles = header.trim().split(/\s+/);
  const pidAt = titles.indexOf("PID");
  if (pidAt < 0) return badRequest("Couldn't find PID field in ps output");
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const last = titles.length - 1;
  const processes = rows
    .filter((fields) => pids.has(fields[pidAt] ?? ""))
    .map((fields) => [...fields.slice(0, last), fields.slice(last).join(" ")]);
  return ok({ Titles: titles, Processes: processes });
}
