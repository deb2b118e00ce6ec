/** Runs one health check: a process group of its own that is killed when its time is up. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import type { Clock } from "@skein/common/io/clock";
import { HEALTH_OUTPUT_BYTES_MAX } from "../limits.ts";
import type { CheckSpec } from "./engine.ts";
import { systemWords } from "./process-resolve.ts";
import { resolveUser } from "./process-user.ts";

export interface CheckResult {
  readonly healthy: boolean;
  /** One line, for people. */
  readonly output: string;
}

export async function runCheck(spec: CheckSpec, clock: Clock): Promise<CheckResult> {
  const user = spec.user === undefined ? undefined : await resolveUser(spec.user);
  if (user?.ok === false) return { healthy: false, output: user.error };
  const [program = "", ...args] = spec.argv;
  try {
    const child = spawn(program, args, {
      cwd: spec.directory ?? "/",
      env: spec.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(user === undefined ? {} : { uid: user.value.uid, gid: user.value.gid }),
    });
    return await outcomeOf(child, spec, clock);
  } catch (error) {
    return { healthy: false, output: systemWords(error) };
  }
}

function outcomeOf(child: ChildProcess, spec: CheckSpec, clock: Clock): Promise<CheckResult> {
  return new Promise((done) => {
    let output = "";
    const take = (chunk: Buffer): void => {
      if (output.length < HEALTH_OUTPUT_BYTES_MAX) output += chunk.toString("utf8");
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    const finish = (healthy: boolean, otherwise: string): void => {
      timer.cancel();
      const line = output.replaceAll(/\s+/g, " ").trim().slice(0, HEALTH_OUTPUT_BYTES_MAX);
      done({ healthy, output: line === "" ? otherwise : line });
    };
    const timer = clock.after(spec.timeoutMs, () => {
      killGroup(child);
      // What holds the pipes open must not hold up the verdict.
      finish(false, `no answer within ${spec.timeoutMs} ms`);
    });
    child.once("error", (error) => finish(false, systemWords(error)));
    child.once("exit", (code, signal) => finish(code === 0, `exit status ${code ?? signal}`));
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
