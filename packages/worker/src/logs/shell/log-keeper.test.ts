import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@skein/common/io/log";
import { noMetrics } from "@skein/common/io/metrics";
import { expect } from "chai";
import { LOG_KEPT_BYTES_MAX, LOG_SLACK_BYTES } from "../../limits.ts";
import { LogKeeper } from "./log-keeper.ts";

describe("log-keeper", () => {
  it("drops the oldest output of a task that goes on writing", async () => {
    const directory = mkdtempSync(join(tmpdir(), "skein-logs-"));
    mkdirSync(join(directory, "t1"));
    const path = join(directory, "t1", "stdout");
    // As a task has it open: for appending.
    const output = openSync(path, "a");
    const long = Buffer.alloc(LOG_KEPT_BYTES_MAX + LOG_SLACK_BYTES + 8192, "line\n");
    writeSync(output, long);
    const options = {
      directory,
      tasks: () => [{ taskId: "t1" }, { taskId: "gone" }],
      log: silentLog,
      metrics: noMetrics,
    };
    const keeper = new LogKeeper(options);
    await keeper.look();
    writeSync(output, "newest\n");
    const { size, blocks } = statSync(path);
    expect(Math.min(size, blocks * 512)).to.be.lessThan(LOG_KEPT_BYTES_MAX + 1024 * 1024);
    expect(readFileSync(path).subarray(-7).toString()).to.equal("newest\n");
    rmSync(directory, { recursive: true });
  });
});
