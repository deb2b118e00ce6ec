/** What a client asks to execute, read as Docker reads it, and what becomes of it in a task. */
import type { Checked } from "@skein/common/api/api-error";
import { badRequest, refuse } from "@skein/common/api/api-error";
import { parseGoJson } from "@skein/common/api/go-json";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { buildRunSpec } from "../../agent/run-spec.ts";
import { resolveProgram } from "../../engine/process-resolve.ts";
import type { TaskUser } from "../../engine/process-user.ts";
import { resolveUser } from "../../engine/process-user.ts";
import type { ContainerPorts, LocalContainer } from "./container-ports.ts";

export interface ExecSpec {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly directory: string;
  readonly user: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly privileged: boolean;
  readonly detachKeys: string;
  readonly size: TerminalSize | undefined;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A program that can be started: everything resolved in the task's surroundings. */
export interface ExecProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: TaskUser | undefined;
}

/** Keys without regard to case, as Go's decoder takes them; null and absent are alike. */
export function readFields(bytes: Buffer): Checked<ReadonlyMap<string, unknown>> {
  if (bytes.length === 0) return ok(new Map());
  const parsed = parseGoJson(bytes.toString("utf8"));
  if (!parsed.ok) return badRequest(parsed.error);
  const { value } = parsed;
  if (value === null) return ok(new Map());
  if (typeof value !== "object" || Array.isArray(value)) {
    return badRequest("the request body must be a JSON object");
  }
  return ok(new Map(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item])));
}

export function readExecSpec(bytes: Buffer): Checked<ExecSpec> {
  const fields = readFields(bytes);
  if (!fields.ok) return fields;
  const flag = (key: string): boolean => fields.value.get(key) === true;
  const text = (key: string): string => {
    const value = fields.value.get(key);
    return typeof value === "string" ? value : "";
  };
  const command = stringsOf(fields.value.get("cmd"));
  const env = stringsOf(fields.value.get("env"));
  if (command === undefined || env === undefined) {
    return badRequest("invalid exec configuration: Cmd and Env must be lists of strings");
  }
  if (command.length === 0) return badRequest("No exec command specified");
  if (flag("privileged")) {
    const reason = "a process of this node has the rights of its user: docker exec --user";
    return refuse(501, "unsupported", `Cannot execute with --privileged: ${reason}`);
  }
  return ok({
    ...{ command, env, directory: text("workingdir"), user: text("user") },
    ...{ tty: flag("tty"), stdin: flag("attachstdin"), stdout: flag("attachstdout") },
    ...{ stderr: flag("attachstderr"), privileged: false, detachKeys: text("detachkeys") },
    size: readSize(fields.value.get("consolesize")),
  });
}

/** Docker's `[height, width]`; zeros mean "not known". */
export function readSize(value: unknown): TerminalSize | undefined {
  if (!Array.isArray(value)) return undefined;
  const [rows, columns] = value.map(Number);
  return rows === undefined || columns === undefined ? undefined : sizeOf(rows, columns);
}

export function sizeOf(rows: number, columns: number): TerminalSize | undefined {
  const sound = (side: number): boolean => Number.isInteger(side) && side > 0 && side <= 65_535;
  return sound(rows) && sound(columns) ? { rows, columns } : undefined;
}

function stringsOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const strings = value.filter((item): item is string => typeof item === "string");
  return strings.length === value.length && !strings.some((item) => item.includes("\0"))
    ? strings
    : undefined;
}

/** The error is the client's to read, after "exec failed: ". */
export async function resolveExec(
  ports: ContainerPorts,
  container: LocalContainer,
  spec: ExecSpec,
): Promise<Result<ExecProgram, string>> {
  const task = buildRunSpec(container.assignment, ports.defaults);
  if (!task.ok) return task;
  const wanted = spec.user === "" ? task.value.user : spec.user;
  const user = wanted === undefined ? undefined : await resolveUser(wanted);
  if (user?.ok === false) return fail(user.error);
  const owner = user?.value;
  const home = owner === undefined ? {} : { HOME: owner.home, USER: owner.name };
  const env: Record<string, string> = { ...home, ...task.value.env };
  if (spec.tty) env["TERM"] ??= "xterm";
  for (const line of spec.env) {
    const equals = line.indexOf("=");
    if (equals > 0) env[line.slice(0, equals)] = line.slice(equals + 1);
    else delete env[line];
  }
  // By it the processes of an exec end with their task: not the client's to change.
  env["SKEIN_TASK_ID"] = container.taskId;
  const directory = spec.directory === "" ? task.value.directory : spec.directory;
  if (directory !== undefined && !directory.startsWith("/")) {
    return fail(`the working directory '${directory}' is invalid, it needs to be an absolute path`);
  }
  const run = { ...task.value, argv: spec.command, env };
  const found = await resolveProgram(directory === undefined ? run : { ...run, directory });
  if (!found.ok) return found;
  const [, ...args] = spec.command;
  return ok({ ...found.value, args, env, user: owner });
}
