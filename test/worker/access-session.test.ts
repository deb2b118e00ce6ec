import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@skein/common/io/log";
import { createFileDisk } from "@skein/common/node/file-disk";
import { systemClock } from "@skein/common/node/system-clock";
import type { LogRequest } from "@skein/common/wire/log-messages";
import { AccessSession } from "@skein/worker/logs/access-session";
import { LogTailer } from "@skein/worker/logs/log-tailer";
import { expect } from "chai";

const REQUEST = { taskIds: [], stdout: true, stderr: false, access: "web" } as const;

describe("a request for an access log", () => {
  let directory = "";
  let path = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-access-"));
    mkdirSync(join(directory, "access"));
    path = join(directory, "access", "web.log");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function ask(request: Partial<LogRequest>) {
    const clock = systemClock();
    const disk = createFileDisk(directory);
    const tailer = new LogTailer({ disk, clock, log: silentLog });
    const lines: string[] = [];
    const ports = { disk, clock, tailer, wall: () => 1 };
    const session = new AccessSession(
      ports,
      { ...REQUEST, follow: false, ...request },
      {
        send: (message) => {
          lines.push(
            message.kind === "end" ? "(end)" : Buffer.from(message.line).toString().trim(),
          );
          return true;
        },
        queuedBytes: () => 0,
      },
    );
    session.start();
    const until = async (count: number): Promise<void> => {
      while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    return { lines, until, session };
  }

  it("gives all whole lines, or the last ones", async () => {
    writeFileSync(path, "a\nb\nc\nhalf");
    const all = ask({});
    await all.until(4);
    expect(all.lines).to.deep.equal(["a", "b", "c", "(end)"]);
    const last = ask({ tail: 2 });
    await last.until(3);
    expect(last.lines).to.deep.equal(["b", "c", "(end)"]);
  });

  it("is empty where nobody asked for the service", async () => {
    const none = ask({ access: "../../etc/passwd" });
    await none.until(1);
    expect(none.lines).to.deep.equal(["(end)"]);
  });

  it("follows what is added, into the next file too", async () => {
    writeFileSync(path, "one\n");
    const { lines, until, session } = ask({ follow: true });
    await until(1);
    appendFileSync(path, "two, which is long\n");
    await until(2);
    renameSync(path, `${path}.1`);
    writeFileSync(path, "three\n");
    await until(3);
    session.close();
    expect(lines).to.deep.equal(["one", "two, which is long", "three"]);
  });
});
