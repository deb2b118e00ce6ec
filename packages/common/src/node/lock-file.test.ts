import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { lockDirectory } from "./lock-file.ts";

describe("the lock of a directory", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-lock-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function holder(change: object): void {
    const path = join(directory, "lock");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
  }

  it("is held until it is released", () => {
    const first = lockDirectory(directory);
    expect(first.ok).to.equal(true);
    const second = lockDirectory(directory);
    expect(second.ok ? "" : second.error.message).to.equal(
      `Cannot use ${directory}: process ${process.pid} uses it`,
    );
    if (first.ok) first.value.release();
    expect(lockDirectory(directory).ok).to.equal(true);
    expect(readdirSync(directory)).to.deep.equal(["lock"]);
  });

  it("is taken over from a dead process", () => {
    lockDirectory(directory);
    holder({ pid: spawnSync("true").pid });
    expect(lockDirectory(directory).ok).to.equal(true);
  });

  it("is taken over when another process has the pid of the holder", () => {
    const child = spawn("sleep", ["10"]);
    lockDirectory(directory);
    holder({ pid: child.pid });
    expect(lockDirectory(directory).ok).to.equal(true);
    child.kill("SIGKILL");
  });

  it("is taken over after a reboot", () => {
    lockDirectory(directory);
    holder({ bootId: "another boot" });
    expect(lockDirectory(directory).ok).to.equal(true);
  });

  it("is taken over when it is no lock at all", () => {
    writeFileSync(join(directory, "lock"), "what is this");
    expect(lockDirectory(directory).ok).to.equal(true);
    expect(readdirSync(directory)).to.deep.equal(["lock"]);
  });

  it("cannot be had where there is no directory", () => {
    const result = lockDirectory(join(directory, "none"));
    expect(result.ok ? "" : result.error.code).to.equal("lock-failed");
  });
});
