/**
 * `docker cp`: files of the directory a task runs in, as tar. Everything else of the node is left
 * out on purpose: a copy command must not be a way to the node's keys.
 */
import { spawn } from "node:child_process";
import type { Stats } from "node:fs";
import { promises as fs } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import type { Checked } from "@skein/common/api/api-error";
import { badRequest, refuse } from "@skein/common/api/api-error";
import { isSet } from "@skein/common/api/query";
import { ok } from "@skein/common/result";
import { beginStream, sendEmpty, sendRefusal } from "./answers.ts";
import type { Call, ContainerPorts, LocalContainer } from "./container-ports.ts";
import { findLocal } from "./local-containers.ts";

const STAT_HEADER = "X-Docker-Container-Path-Stat";
/** Go's os.FileMode: kinds of files above the permissions. */
const MODE_DIRECTORY = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

interface Place {
  readonly path: string;
  /** The path asked for ended in "/.": what is in the directory, not the directory. */
  readonly contents: boolean;
  readonly stats: Stats;
}

export async function download(ports: ContainerPorts, call: Call): Promise<void> {
  const place = await placeOf(ports, call);
  if (!place.ok) return sendRefusal(call.response, place.error);
  const stat = Buffer.from(JSON.stringify(await pathStat(place.value))).toString("base64");
  call.response.setHeader(STAT_HEADER, stat);
  if (call.request.method === "HEAD") return sendEmpty(call.response, 200);
  const { path, contents } = place.value;
  const [from, member] = contents ? [path, "."] : [dirname(path), basename(path)];
  const args = ["-C", from, "-cf", "-", "--", member];
  const tar = spawn("tar", args, { stdio: ["ignore", "pipe", "pipe"] });
  tar.on("error", (error) => refuseTar(call, error.message));
  tar.on("spawn", () => {
    beginStream(call.response, "application/x-tar");
    tar.stdout.pipe(call.response, { end: false });
  });
  tar.stderr.resume();
  // An archive that broke off must not look whole.
  tar.on("close", (code) => (code === 0 ? call.response.end() : call.response.destroy()));
  call.response.on("close", () => tar.kill());
}

export async function upload(ports: ContainerPorts, call: Call): Promise<void> {
  const place = await placeOf(ports, call);
  if (!place.ok) return sendRefusal(call.response, place.error);
  if (!place.value.stats.isDirectory()) {
    return sendRefusal(call.response, {
      status: 400,
      code: "bad-request",
      message: "extraction point is not a directory",
    });
  }
  const keep = isSet(call.query.get("noOverwriteDirNonDir") ?? undefined);
  const options = keep ? ["--keep-directory-symlink"] : [];
  const args = ["-C", place.value.path, "--no-same-owner", ...options, "-xf", "-"];
  const tar = spawn("tar", args, { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  tar.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, 1000);
  });
  tar.stdin.on("error", () => undefined);
  tar.on("error", (error) => refuseTar(call, error.message));
  call.request.pipe(tar.stdin);
  tar.on("close", (code) => {
    if (call.response.headersSent) return;
    if (code === 0) sendEmpty(call.response, 200);
    else refuseTar(call, said.trim() || `tar ended with ${String(code)}`);
  });
}

function refuseTar(call: Call, reason: string): void {
  if (call.response.headersSent) return void call.response.destroy();
  const message = `Cannot copy: ${reason}`;
  sendRefusal(call.response, { status: 500, code: "copy-failed", message });
}

/** A path from the task's directory, links followed as far as they stay inside it. */
async function placeOf(ports: ContainerPorts, call: Call): Promise<Checked<Place>> {
  const { subject } = call.match;
  const found = findLocal(ports, subject);
  if (!found.ok) return found;
  const wanted = call.query.get("path") ?? "";
  if (wanted === "") return badRequest("bad parameter: path cannot be empty");
  const root = await realPath(directoryOf(ports, found.value));
  const path = resolve(root ?? "/", wanted);
  // The last part may be a link to be copied as such: only its directory is followed.
  const parent = path === root ? root : await realPath(dirname(path));
  const real = parent === undefined || path === root ? parent : resolve(parent, basename(path));
  const stats = real === undefined ? undefined : await fs.lstat(real).catch(() => undefined);
  if (root === undefined || real === undefined || stats === undefined) {
    const message = `Could not find the file ${wanted} in container ${subject}`;
    return refuse(404, "file-not-found", message);
  }
  if (relative(root, real).startsWith("..")) {
    const remedy = "only what the task's directory holds is copied: use docker exec for the rest";
    return refuse(403, "outside", `Cannot copy ${wanted}: it is outside of ${root}: ${remedy}`);
  }
  return ok({ path: real, contents: /(^|\/)\.$/.test(wanted), stats });
}

function directoryOf(ports: ContainerPorts, container: LocalContainer): string {
  return container.spec.process.directory ?? ports.defaults.directory ?? "/";
}

function realPath(path: string): Promise<string | undefined> {
  return fs.realpath(path).catch(() => undefined);
}

async function pathStat({ path, stats }: Place): Promise<object> {
  const isLink = stats.isSymbolicLink();
  const kind = stats.isDirectory() ? MODE_DIRECTORY : isLink ? MODE_SYMLINK : 0;
  return {
    name: basename(path),
    size: stats.size,
    mode: kind + (stats.mode & 0o777),
    mtime: stats.mtime.toISOString(),
    linkTarget: isLink ? await fs.readlink(path).catch(() => "") : "",
  };
}
