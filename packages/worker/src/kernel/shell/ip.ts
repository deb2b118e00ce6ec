/** `ip`, run: one process for many lines. */
import { spawn } from "node:child_process";

/** Standard output; the error says what `ip` said. */
export function ip(args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("ip", args, { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.on("error", reject);
    child.stdin.on("error", () => undefined);
    child.on("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`ip ${args.join(" ")}: ${said.trim() || `exit ${code}`}`));
    });
    child.stdin.end(input);
  });
}

/** Every line is tried, whatever the others do; the error tells of those that failed. */
export async function ipBatch(lines: readonly string[], before: readonly string[] = []) {
  if (lines.length === 0) return;
  await ip([...before, "-force", "-batch", "-"], `${lines.join("\n")}\n`);
}

/** A listing as JSON; empty where there is nothing to list. */
export async function ipJson(...args: readonly string[]): Promise<readonly unknown[]> {
  const text = await ip(["-j", ...args]);
  const parsed: unknown = text.trim() === "" ? [] : JSON.parse(text);
  return Array.isArray(parsed) ? parsed : [];
}
