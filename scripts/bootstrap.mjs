// What stands between `git clone` and a running command: installs the dependencies when the lockfile
// changed, builds when a source changed, then runs what was asked, in this same process, so that exit
// code, signals and standard streams need no passing on. Built-in modules only: it runs before there are
// any others, which is also why it is the one file that is not TypeScript.
//
//   node scripts/bootstrap.mjs cli <args…>              the skein command
//   node scripts/bootstrap.mjs build                    only install and build
//   node scripts/bootstrap.mjs run <script.ts> <args…>  a TypeScript script of this repository
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = realpathSync(resolve(dirname(fileURLToPath(import.meta.url)), ".."));
const LOCKFILE = join(ROOT, "package-lock.json");
const INSTALL_STAMP = join(ROOT, "node_modules", ".skein-stamp.json");
const BUILD_STAMP = join(ROOT, "dist", "build-stamp.json");
const CLI = join(ROOT, "packages", "cli", "dist", "skein.mjs");
const NODE_WANTED = [20, 20];
const LOCK_POLL_MS = 100;

await main(process.argv.slice(2));

async function main([mode, ...args]) {
  checkNode();
  if (mode === "build") return prepare();
  if (mode === "cli") {
    await prepare();
    return runCli(args);
  }
  if (mode === "run" && args.length > 0) {
    await prepare();
    return runScript(args);
  }
  fail("usage: bootstrap.mjs cli <args…> | build | run <script.ts> <args…>");
}

async function runCli(args) {
  if (!existsSync(CLI)) fail(`Cannot run skein: ${CLI} was not built`);
  goWhereTheUserStands();
  process.argv = [process.argv[0], CLI, ...args];
  await import(pathToFileURL(CLI).href);
}

/**
 * npm changes into the package before it runs a script, and says where it came from. Only when npm ran
 * this very script: what such a script starts inherits the variable and stands where it wants to.
 */
function goWhereTheUserStands() {
  const { INIT_CWD, npm_lifecycle_script: script = "" } = process.env;
  const byNpm = script.includes("bootstrap.mjs cli") && process.cwd() === ROOT;
  if (byNpm && INIT_CWD !== undefined && existsSync(INIT_CWD)) process.chdir(INIT_CWD);
}

async function runScript([script, ...args]) {
  process.chdir(ROOT);
  const path = resolve(ROOT, script);
  if (!existsSync(path)) fail(`Cannot run ${script}: no such file in ${ROOT}`);
  const { register } = await import(importable("tsx", "esm/api"));
  register();
  process.argv = [process.argv[0], path, ...args];
  await import(pathToFileURL(path).href);
}

/** Installs and builds what is out of date. The usual case, nothing, takes no lock. */
async function prepare() {
  if (isInstalled() && isBuilt()) return;
  const release = await takeLock();
  try {
    if (!isInstalled()) install();
    if (!isBuilt()) buildAll();
  } finally {
    release();
  }
}

function isInstalled() {
  const wanted = installKey();
  if (readJson(INSTALL_STAMP)?.key === wanted) return true;
  if (existsSync(INSTALL_STAMP) || !matchesLockfile()) return false;
  writeStamp(INSTALL_STAMP, { key: wanted });
  return true;
}

function installKey() {
  const lock = existsSync(LOCKFILE) ? readFileSync(LOCKFILE) : "";
  const abi = `${process.platform} ${process.arch} ${process.versions.modules}`;
  return createHash("sha256").update(lock).update(abi).digest("hex");
}

/** True when somebody ran npm by hand and everything the lockfile wants is there. */
function matchesLockfile() {
  const wanted = readJson(LOCKFILE)?.packages;
  const present = readJson(join(ROOT, "node_modules", ".package-lock.json"))?.packages;
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(
    ([path, item]) =>
      !path.startsWith("node_modules/") ||
      item.optional === true ||
      item.link === true ||
      present[path]?.version === item.version,
  );
}

function install() {
  say("installing dependencies (npm ci)");
  let result = npm([]);
  if (result.status !== 0) {
    // A cache that cannot be written, or is broken, is no reason to fail: try with one of our own.
    const cache = mkdtempSync(join(tmpdir(), "skein-npm-cache-"));
    const second = npm(["--cache", cache]);
    rmSync(cache, { recursive: true, force: true });
    if (second.status !== 0) {
      process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
      fail(`Cannot install the dependencies: npm ci failed (${reason(second)})`, second.status);
    }
    result = second;
  }
  writeStamp(INSTALL_STAMP, { key: installKey() });
}

function npm(more) {
  // `include=dev`: a NODE_ENV of production must not leave the build tools out.
  const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", ...more];
  const script = process.env.npm_execpath;
  const options = { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 };
  if (script !== undefined && /npm-cli\.[cm]?js$/.test(script)) {
    return spawnSync(process.execPath, [script, ...args], options);
  }
  return spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
}

function isBuilt() {
  const stamp = readJson(BUILD_STAMP);
  if (stamp?.key !== buildKey()) return false;
  return stamp.bundles.every((path) => existsSync(join(ROOT, path)));
}

/** Of every source's path, size and time: notices changes, removals and an older version put back. */
function buildKey() {
  const hash = createHash("sha256").update(installKey());
  const files = ["scripts/build.ts"];
  for (const name of listed("packages")) {
    files.push(join("packages", name, "package.json"), ...sources(join("packages", name, "src")));
  }
  for (const path of files.sort()) {
    const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
    if (stat !== undefined) hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function sources(directory) {
  return listed(directory).flatMap((name) => {
    const path = join(directory, name);
    if (name.endsWith(".test.ts")) return [];
    return statSync(join(ROOT, path), { throwIfNoEntry: false })?.isDirectory()
      ? sources(path)
      : [path];
  });
}

function buildAll() {
  say("building");
  // Taken before: a source that changes while it builds makes the result out of date.
  const key = buildKey();
  const tsx = importable("tsx", ".");
  const result = spawnSync(process.execPath, ["--import", tsx, join(ROOT, "scripts", "build.ts")], {
    cwd: ROOT,
    encoding: "utf8",
  });
  process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  if (result.status !== 0) fail(`Cannot build: see above (${reason(result)})`, result.status);
  const bundles = listed("packages").flatMap((name) =>
    listed(join("packages", name, "dist"))
      .filter((file) => file.endsWith(".mjs"))
      .map((file) => join("packages", name, "dist", file)),
  );
  writeStamp(BUILD_STAMP, { key, bundles });
}

/**
 * One bootstrap at a time for one checkout. The lock is an abstract socket, which the kernel frees however
 * its owner ends; elsewhere than on Linux there is none, and two at once may do the work twice.
 */
async function takeLock() {
  if (process.platform !== "linux") return () => undefined;
  const name = createHash("sha256").update(ROOT).digest("hex").slice(0, 32);
  const started = Date.now();
  let told = false;
  for (;;) {
    const server = await tryListen(`\0skein-bootstrap-${name}`);
    if (server !== undefined) return () => server.close();
    if (!told && Date.now() - started > 1000) {
      say("waiting for another process that prepares this checkout");
      told = true;
    }
    await new Promise((wake) => setTimeout(wake, LOCK_POLL_MS));
  }
}

function tryListen(path) {
  return new Promise((settle, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => {
      if (error.code === "EADDRINUSE") settle(undefined);
      else reject(error);
    });
    server.listen(path, () => settle(server));
  });
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantedMajor, wantedMinor] = NODE_WANTED;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  fail(
    `Cannot run Skein: it needs Node.js ${NODE_WANTED.join(".")} or newer, this is ${process.version}`,
  );
}

/** An entry of a package's export map, by path: the checkout need not be the working directory. */
function importable(name, entry) {
  const directory = join(ROOT, "node_modules", name);
  let target = readJson(join(directory, "package.json"))?.exports?.[
    entry === "." ? "." : `./${entry}`
  ];
  while (typeof target === "object" && target !== null) target = target.import ?? target.default;
  if (typeof target !== "string") fail(`Cannot find ${name}/${entry} in node_modules: run npm ci`);
  return pathToFileURL(join(directory, target)).href;
}

function listed(directory) {
  const path = join(ROOT, directory);
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(path).sort() : [];
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function writeStamp(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(value)}\n`);
  renameSync(`${path}.${process.pid}`, path);
}

function reason(result) {
  return (
    result.error?.message ?? (result.signal ? `signal ${result.signal}` : `exit ${result.status}`)
  );
}

function say(text) {
  process.stderr.write(`skein: ${text}\n`);
}

function fail(text, status = 1) {
  process.stderr.write(`${text}\n`);
  process.exit(status ?? 1);
}
