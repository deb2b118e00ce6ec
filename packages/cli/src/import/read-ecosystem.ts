/**
 * PM2's file may be a program. It runs in a process of its own, for a limited time and with a
 * limited answer: what it prints, what it waits for and how it fails is none of ours.
 */
import { execFile } from "node:child_process";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Tree } from "@skein/common/compose/tree";
import type { Result } from "@skein/common/result";
import { fail } from "@skein/common/result";
import { COMPOSE_FILE_BYTES_MAX, IMPORT_PROGRAM_MS } from "../limits.ts";
import { readText } from "../stack/read-text.ts";
import { readYaml } from "../stack/read-yaml.ts";

/** On a channel of its own: the file may print. */
const READER = `
import { writeSync } from "node:fs";
const read = await import(process.argv[1]);
writeSync(3, JSON.stringify(read.default ?? read) ?? "null");
process.exit(0);
`;

export function readEcosystem(path: string): Promise<Result<Tree, string>> {
  if ([".json", ".yml", ".yaml"].includes(extname(path))) {
    const text = readText(resolve(path));
    return Promise.resolve(text.ok ? readYaml(text.value) : text);
  }
  return runProgram(resolve(path));
}

function runProgram(path: string): Promise<Result<Tree, string>> {
  return new Promise((settle) => {
    const command = `exec 3>&1 1>&2; exec "$0" --input-type=module -e "$1" "$2"`;
    const args = ["-c", command, process.execPath, READER, pathToFileURL(path).href];
    const options = { timeout: IMPORT_PROGRAM_MS, maxBuffer: COMPOSE_FILE_BYTES_MAX };
    execFile("/bin/sh", args, { ...options, killSignal: "SIGKILL" }, (error, out, err) => {
      if (error?.killed === true) {
        return settle(fail(`${path} did not end within ${IMPORT_PROGRAM_MS / 1000} s`));
      }
      if (error !== null) return settle(fail(`${path}: ${reasonIn(err) ?? error.message}`));
      settle(readYaml(out));
    });
  });
}

/** "TypeError: …" of the stack that Node.js prints. */
function reasonIn(text: string): string | undefined {
  return text.split("\n").find((line) => /^\w*Error\b.*:/.test(line));
}
