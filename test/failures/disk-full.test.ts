/** A real disk that is full: a small tmpfs under the log of the only manager. Needs root. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { LocalCluster } from "../support/local-cluster.ts";
import { pause } from "../support/wait.ts";

/** A tmpfs of 40 MB in the place of the directory, with what it holds; false: not allowed here. */
function mountSmallDisk(directory: string): boolean {
  const script = `cp -a "$0" "$0.copy"
    mount -t tmpfs -o size=40m none "$0" || { rm -r "$0.copy"; exit 1; }
    cp -a "$0.copy/." "$0/"; rm -r "$0.copy"`;
  return spawnSync("sh", ["-c", script, directory]).status === 0;
}

/** Takes all the space there is. */
function fill(path: string): void {
  const file = openSync(path, "a");
  for (let size = 1024 * 1024; size >= 512; ) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      size /= 2;
    }
  }
  closeSync(file);
}

const isRoot = process.getuid?.() === 0;

(isRoot ? describe : describe.skip)("a disk that is full (needs root)", function () {
  this.timeout(120_000);
  const cluster = new LocalCluster("disk");
  const directory = join(cluster.stateDir, "manager-1", "manager");
  const filler = join(directory, "filler");
  let isMounted = false;

  after(async () => {
    rmSync(filler, { force: true });
    await cluster.tell("down");
    if (isMounted) spawnSync("umount", [directory]);
    await cluster.down();
  });

  function create(name: string) {
    const body = { Name: name, Data: Buffer.alloc(20_000, 1).toString("base64") };
    return cluster.ask("POST /configs/create", { body, timeoutMs: 20_000 });
  }

  it("refuses writes, serves reads, loses nothing, goes on by itself", async function () {
    await cluster.up(1, 0);
    await cluster.skein("down");
    if (!mountSmallDisk(directory)) return this.skip();
    isMounted = true;
    await cluster.skein("up", "--detach");
    expect((await create("before")).status).to.equal(201);
    // The next segment is there by now; what is left is taken.
    await pause(1000);
    fill(filler);
    const accepted = ["before"];
    let refusal = "";
    for (let at = 0; at < 2000 && refusal === ""; at += 1) {
      const answer = await create(`during-${at}`);
      if (answer.status === 201) accepted.push(`during-${at}`);
      else refusal = String(answer.message);
    }
    expect(refusal).to.match(/the disk of the leading manager is full: nothing was written/);
    const pid = cluster.managers()[0]?.pids.manager;
    expect((await cluster.ask("GET /configs")).status).to.equal(200);
    rmSync(filler);
    for (let at = 0; ; at += 1) {
      if ((await create(`after-${at}`)).status === 201) break;
      expect(at).to.be.below(50);
      await pause(200);
    }
    expect(cluster.managers()[0]?.pids.manager, "the same process").to.equal(pid);
    await cluster.skein("down");
    await cluster.skein("up", "--detach");
    const names = JSON.stringify(await cluster.get("/configs"));
    expect(accepted.filter((name) => !names.includes(`"${name}"`))).to.deep.equal([]);
    console.log(`      ${accepted.length} configs of 20 kB before the refusal`);
  });
});
