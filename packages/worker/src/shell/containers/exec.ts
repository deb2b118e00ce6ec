/** `docker exec`: a program in the surroundings of a task, its streams over the raw connection. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Checked } from "@skein/common/api/api-error";
import { badRequest, refuse } from "@skein/common/api/api-error";
import { frameOf } from "@skein/common/api/log-frame";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import { systemWords } from "../../engine/process-resolve.ts";
import { EXEC_DRAIN_MS, HIJACK_PAUSE_MS } from "../../limits.ts";
import { sendEmpty, sendJson, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts } from "./container-ports.ts";
import { DetachScanner, parseDetachKeys } from "./detach-keys.ts";
import type { Exec, ExecRegistry } from "./exec-registry.ts";
import { execToEngine } from "./exec-registry.ts";
import type { ExecProgram, ExecSpec } from "./exec-spec.ts";
import { readExecSpec, readFields, readSize, resolveExec, sizeOf } from "./exec-spec.ts";
import { findRunning, lookAgain } from "./local-containers.ts";
import { framedType, RAW_STREAM } from "./output.ts";
import { openTerminal, terminalLack } from "./terminal.ts";

export async function create(
  ports: ContainerPorts,
  call: Call,
  execs: ExecRegistry,
): Promise<void> {
  const found = findRunning(ports, call.match.subject);
  if (!found.ok) return sendRefusal(call.response, found.error);
  const body = await call.body();
  if (!body.ok) return sendRefusal(call.response, body.error);
  const spec = checkSpec(readExecSpec(body.value));
  if (!spec.ok) return sendRefusal(call.response, spec.error);
  const exec = execs.create(found.value.taskId, spec.value);
  if (!exec.ok) return sendRefusal(call.response, exec.error);
  return sendJson(call.response, 201, { Id: exec.value.id });
}

function checkSpec(read: Checked<ExecSpec>): Checked<ExecSpec> {
  if (!read.ok) return read;
  if (parseDetachKeys(read.value.detachKeys) === undefined) {
    return badRequest(`Invalid escape keys (${read.value.detachKeys}) provided`);
  }
  const lack = read.value.tty ? terminalLack() : undefined;
  if (lack === undefined) return read;
  return refuse(501, "no-terminal", `Cannot execute with a terminal: ${lack}`);
}

export function inspect(call: Call, execs: ExecRegistry): void {
  const exec = execs.find(call.match.subject);
  if (!exec.ok) return sendRefusal(call.response, exec.error);
  return sendJson(call.response, 200, execToEngine(exec.value));
}

export async function resize(call: Call, execs: ExecRegistry): Promise<void> {
  const exec = execs.find(call.match.subject);
  if (!exec.ok) return sendRefusal(call.response, exec.error);
  const size = sizeOf(Number(call.query.get("h") ?? ""), Number(call.query.get("w") ?? ""));
  if (size === undefined) {
    const refused = "invalid size of a terminal: h and w must be numbers from 1 to 65535";
    return sendRefusal(call.response, { status: 400, code: "bad-request", message: refused });
  }
  const failed = (await exec.value.resize?.(size)) ?? undefined;
  const isThere = exec.value.resize !== undefined;
  if (isThere && failed === undefined) return sendEmpty(call.response, 200);
  const reason = failed ?? "it has no terminal, or does not run";
  const message = `Cannot resize exec ${exec.value.id}: ${reason}`;
  return sendRefusal(call.response, { status: 409, code: "no-terminal", message });
}

export async function start(ports: ContainerPorts, call: Call, execs: ExecRegistry): Promise<void> {
  const exec = execs.find(call.match.subject);
  if (!exec.ok) return sendRefusal(call.response, exec.error);
  const body = await call.body();
  const fields = body.ok ? readFields(body.value) : body;
  if (!fields.ok) return sendRefusal(call.response, fields.error);
  const begun = begin(ports, exec.value);
  if (!begun.ok) return sendRefusal(call.response, begun.error);
  const { spec } = exec.value;
  const size = readSize(fields.value.get("consolesize")) ?? spec.size;
  const resolved = await resolveExec(ports, begun.value, spec);
  const program = resolved.ok ? { ...resolved.value, size } : undefined;
  if (fields.value.get("detach") === true) {
    if (program === undefined) return refuseStart(call, exec.value, resolved);
    run(exec.value, program);
    return sendEmpty(call.response, 200);
  }
  const io = call.hijack(spec.tty ? RAW_STREAM : framedType(call.match.apiVersion));
  await sleep(HIJACK_PAUSE_MS);
  if (program === undefined) return sayWhy(exec.value, io, resolved);
  connect(exec.value, io, run(exec.value, program));
}

/** Takes the exec for this request: it runs once. */
function begin(ports: ContainerPorts, exec: Exec): ReturnType<typeof findRunning> {
  if (exec.state !== "created") {
    const what = exec.state === "running" ? "is already running" : "has already run";
    return refuse(409, "exec-started", `exec command ${exec.id} ${what}`);
  }
  const container = lookAgain(ports, exec.taskId);
  if (container?.status.state !== "running") {
    return refuse(409, "not-running", `the container of exec ${exec.id} is not running`);
  }
  exec.state = "running";
  return ok(container);
}

function refuseStart(call: Call, exec: Exec, resolved: Result<ExecProgram, string>): void {
  const message = `exec failed: ${endedBeforeStart(exec, resolved)}`;
  sendRefusal(call.response, { status: 400, code: "exec-failed", message });
}

/** The connection is the client's already: it reads the reason in place of output, as in Docker. */
function sayWhy(exec: Exec, io: Duplex, resolved: Result<ExecProgram, string>): void {
  const text = Buffer.from(`exec failed: ${endedBeforeStart(exec, resolved)}\r\n`);
  io.end(exec.spec.tty ? text : frameOf("stdout", text));
}

/** 127: there is no such program; 126: it cannot be run. As a shell says it, and Docker too. */
function endedBeforeStart(exec: Exec, resolved: Result<ExecProgram, string>): string {
  const reason = resolved.ok ? "" : resolved.error;
  exec.state = "ended";
  exec.exitCode = /not found|no such file/.test(reason) ? 127 : 126;
  return reason;
}

type Sized = ExecProgram & { readonly size: ExecSpec["size"] };

function run(exec: Exec, program: Sized): ChildProcess {
  const child = exec.spec.tty ? runInTerminal(exec, program) : runPlain(exec, program);
  exec.pid = child.pid ?? 0;
  child.on("error", (error) => {
    if (child.pid === undefined) endedBeforeStart(exec, fail(systemWords(error)));
  });
  child.on("exit", (code, signal) => {
    exec.state = "ended";
    exec.exitCode = code ?? (signal === "SIGKILL" ? 137 : 143);
    delete exec.resize;
  });
  for (const stream of child.stdio) stream?.on("error", () => undefined); // EPIPE: it ended.
  if (!exec.spec.stdin) child.stdin?.end();
  return child;
}

function runInTerminal(exec: Exec, program: Sized): ChildProcess {
  const terminal = openTerminal(program, program.size);
  exec.resize = async (size) => {
    const done = await terminal.resize(size);
    return done.ok ? undefined : done.error;
  };
  return terminal.child;
}

function runPlain(exec: Exec, { program, args, directory, env, user }: Sized): ChildProcess {
  return spawn(program, [...args], {
    cwd: directory,
    env,
    argv0: exec.spec.command[0] ?? program,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
}

/** Copies both ways until the program has ended and its output is out, or the client detaches. */
function connect(exec: Exec, io: Duplex, child: ChildProcess): void {
  const { spec } = exec;
  const frame = (name: "stdout" | "stderr") => (chunk: Buffer) =>
    spec.tty ? chunk : frameOf(name, chunk);
  if (spec.stdout) copyOut(child.stdout, io, frame("stdout"));
  else child.stdout?.resume();
  if (spec.stderr) copyOut(child.stderr, io, frame("stderr"));
  else child.stderr?.resume();
  if (spec.stdin) copyIn(exec, io, child);
  else io.resume();
  const finish = (): void => {
    if (!io.writableEnded) io.end();
  };
  child.on("close", finish);
  child.on("error", finish);
  // What it left running may hold its output open: the client waits for the program alone.
  child.on("exit", () => setTimeout(finish, EXEC_DRAIN_MS).unref());
  io.on("error", () => undefined);
  io.on("close", () => {
    // A terminal that closes hangs up; a plain program runs on unread, as in Docker.
    if (exec.state === "running" && spec.tty && !detached.has(exec)) hangUp(child);
    child.stdout?.resume();
    child.stderr?.resume();
    if (!spec.tty) child.stdin?.end();
  });
}

const detached = new WeakSet<Exec>();

function hangUp(child: ChildProcess): void {
  // Its group is its own: it leads a session.
  if (child.pid !== undefined) process.kill(-child.pid, "SIGHUP");
}

function copyOut(
  from: ChildProcess["stdout"],
  io: Duplex,
  frame: (chunk: Buffer) => Uint8Array,
): void {
  from?.on("data", (chunk: Buffer) => {
    if (io.writableEnded || io.destroyed) return;
    if (io.write(frame(chunk))) return;
    from.pause();
    io.once("drain", () => from.resume());
  });
}

function copyIn(exec: Exec, io: Duplex, child: ChildProcess): void {
  const { stdin } = child;
  if (stdin === null) return;
  if (!exec.spec.tty) {
    io.pipe(stdin);
    return;
  }
  const scanner = new DetachScanner(parseDetachKeys(exec.spec.detachKeys) ?? []);
  io.on("data", (chunk: Buffer) => {
    const { pass, detached: isDetached } = scanner.take(chunk);
    if (!stdin.write(pass)) {
      io.pause();
      stdin.once("drain", () => io.resume());
    }
    if (!isDetached) return;
    detached.add(exec);
    io.end();
  });
  io.on("end", () => {
    if (!detached.has(exec)) stdin.end();
  });
}
