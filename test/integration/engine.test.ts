/**
 * The process engine on real processes: how they end, how they are stopped, and what is left
 * behind.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TaskId } from "@skein/common/ids";
import { taskId } from "@skein/common/ids";
import { silentLog } from "@skein/common/io/log";
import { systemClock } from "@skein/common/node/system-clock";
import type { EngineEvent, FoundTask, RunSpec } from "@skein/worker/engine/engine";
import { Cgroups } from "@skein/worker/engine/process-cgroup";
import { createProcessEngine } from "@skein/worker/engine/process-engine";
import { expect } from "chai";

const DEADLINE_MS = 5000;
/** Ids are new in each run: a process of another run can never be taken for one of this. */
const RUN = `${process.pid}x${process.hrtime.bigint()}`;

class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), "skein-engine-"));
  readonly events: EngineEvent[] = [];
  readonly waiting = new Set<() => void>();
  readonly cgroups = new Cgroups(`skein-test-${RUN}`);
  engine = this.fresh();

  fresh() {
    const engine = createProcessEngine({
      directory: join(this.directory, "tasks"),
      clock: systemClock(),
      log: silentLog,
      cgroups: this.cgroups,
    });
    engine.onEvent((event) => {
      this.events.push(event);
      for (const wake of this.waiting) wake();
    });
    return engine;
  }

  /** The agent dies: a second one finds what it left. */
  async restart(): Promise<readonly FoundTask[]> {
    this.engine.close();
    this.engine = this.fresh();
    return new Promise((done) => this.engine.adopt(done));
  }

  async event<K extends EngineEvent["kind"]>(
    kind: K,
    task: TaskId,
  ): Promise<Extract<EngineEvent, { readonly kind: K }>> {
    const found = () => this.events.find((event) => event.kind === kind && event.taskId === task);
    const event = await this.until(found, `${kind} of ${task}`);
    // `found` compared the kind.
    return event as Extract<EngineEvent, { readonly kind: K }>;
  }

  async until<T>(look: () => T | undefined | false, what: string): Promise<T> {
    const end = Date.now() + DEADLINE_MS;
    for (;;) {
      const value = look();
      if (value !== undefined && value !== false) return value;
      if (Date.now() > end) throw new Error(`no ${what}: ${JSON.stringify(this.events)}`);
      await new Promise<void>((done) => {
        const timer = setTimeout(wake, 10);
        const { waiting } = this;
        waiting.add(wake);
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          done();
        }
      });
    }
  }

  async prepared(spec: RunSpec): Promise<void> {
    this.engine.prepare(spec);
    await this.event("prepared", spec.taskId);
  }

  async started(spec: RunSpec): Promise<number> {
    await this.prepared(spec);
    this.engine.start(spec.taskId);
    return (await this.event("started", spec.taskId)).pid;
  }

  output(task: TaskId, stream: "stdout" | "stderr" = "stdout"): string {
    const path = join(this.directory, "tasks", task, stream);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  printed(task: TaskId, text: string): Promise<true> {
    return this.until(() => this.output(task).includes(text), `"${text}" in the output of ${task}`);
  }
}

describe("the process engine", function () {
  this.timeout(20_000);
  let bench: Bench;
  let next = 0;

  before(function () {
    if (process.platform !== "linux") this.skip();
  });
  beforeEach(async () => {
    bench = new Bench();
    await new Promise((done) => bench.engine.adopt(done));
  });
  afterEach(() => {
    const left = processesOf(RUN);
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    bench.engine.close();
    rmSync(bench.directory, { recursive: true });
    expect(left, "processes left behind").to.deep.equal([]);
  });

  function shell(script: string, options: Partial<RunSpec> = {}): RunSpec {
    return spec(["/bin/sh", "-c", script], options);
  }

  function spec(argv: readonly string[], options: Partial<RunSpec> = {}): RunSpec {
    next += 1;
    const id = taskId(`${RUN}-${next}`);
    const env = { PATH: process.env["PATH"] ?? "", SKEIN_TASK_ID: id, ...options.env };
    const base = { taskId: id, name: "web.1", argv, stopSignal: "SIGTERM", stopGraceMs: 3000 };
    return { ...base, ...options, env };
  }

  describe("tells how a task ended", () => {
    const rows: readonly (readonly [string, string, number])[] = [
      ["success", "exit 0", 0],
      ["its own exit code", "exit 7", 7],
      ["a signal it sent itself", "kill -KILL $$", 137],
      ["a signal it did not catch", "kill -TERM $$", 143],
      ["a command that is not there", "nosuchcommand", 127],
    ];
    for (const [name, script, exitCode] of rows) {
      it(name, async () => {
        const task = shell(script);
        await bench.started(task);
        const exited = await bench.event("exited", task.taskId);
        expect(exited).to.deep.include({ exitCode, stopped: false });
        expect(bench.events.filter((event) => event.kind === "exited")).to.have.length(1);
      });
    }
  });

  it("keeps the output as it was written, without a word of the shell's", async () => {
    const task = shell('printf "out %s\\n" "$HOSTVAR"; printf err >&2; kill -TERM $$', {
      env: { HOSTVAR: "a  b" },
    });
    await bench.started(task);
    await bench.event("exited", task.taskId);
    expect(bench.output(task.taskId)).to.equal("out a  b\n");
    expect(bench.output(task.taskId, "stderr")).to.equal("err");
  });

  it("hands over arguments, environment and directory untouched", async () => {
    const script = `const { argv, env } = process;
      console.log(JSON.stringify([argv.slice(1), process.cwd(), env.A, "HOME" in env]));`;
    const args = ["-e", script, "--", "two words", "$HOME", "*", ""];
    const task = spec([process.execPath, ...args], { directory: "/tmp", env: { A: "x=1\ny" } });
    await bench.started(task);
    await bench.event("exited", task.taskId);
    const expected = [["two words", "$HOME", "*", ""], "/tmp", "x=1\ny", false];
    expect(JSON.parse(bench.output(task.taskId))).to.deep.equal(expected);
  });

  describe("rejects with the system's own words", () => {
    const rows: readonly (readonly [readonly string[], Partial<RunSpec>, string])[] = [
      [["nosuch"], {}, 'exec: "nosuch": executable file not found in $PATH'],
      [["/nosuch"], {}, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
      [
        ["./nosuch"],
        { directory: "/tmp" },
        'exec: "./nosuch": stat /tmp/nosuch: no such file or directory',
      ],
      [["/tmp"], {}, 'exec: "/tmp": is a directory'],
      [["/etc/passwd"], {}, 'exec: "/etc/passwd": permission denied'],
      [["sh"], { directory: "/x/y" }, 'chdir to "/x/y": no such file or directory'],
      [["sh"], { directory: "/etc/passwd" }, 'chdir to "/etc/passwd": not a directory'],
      [
        ["sh"],
        { user: "nosuchuser" },
        "unable to find user nosuchuser: no matching entries in passwd file",
      ],
    ];
    for (const [argv, options, error] of rows) {
      it(error, async () => {
        const task = spec(argv, options);
        bench.engine.prepare(task);
        expect((await bench.event("rejected", task.taskId)).error).to.equal(error);
      });
    }

    it("too long an argument list", async () => {
      const task = spec(["/bin/true", "x".repeat(200_000)]);
      await bench.prepared(task);
      bench.engine.start(task.taskId);
      const { error } = await bench.event("rejected", task.taskId);
      expect(error).to.equal('exec: "/bin/true": argument list too long');
    });
  });

  it("keeps a limit, or refuses the task with the system's words", async () => {
    const task = shell("cat /proc/self/cgroup; sleep 30", { limitPids: 7 });
    bench.engine.prepare(task);
    if (!bench.cgroups.kinds().includes("pids")) {
      const { error } = await bench.event("rejected", task.taskId);
      expect(error).to.match(/^cannot limit pids: no writable cgroup: /);
      return;
    }
    await bench.event("prepared", task.taskId);
    bench.engine.start(task.taskId);
    await bench.event("started", task.taskId);
    await bench.printed(task.taskId, `skein-test-${RUN}/${task.taskId}`);
    bench.engine.stop(task.taskId);
    await bench.event("exited", task.taskId);
  });

  it("sets ulimits and the out-of-memory score before the program begins", async () => {
    const task = shell("ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; sleep 30", {
      ulimits: [{ name: "nofile", soft: 77, hard: 99 }],
      oomScoreAdj: 321,
    });
    await bench.started(task);
    for (const word of ["77", "99", "321"]) await bench.printed(task.taskId, word);
    bench.engine.stop(task.taskId);
    await bench.event("exited", task.taskId);
  });

  it("answers a health check: its exit status, and silence", async () => {
    const id = taskId(`check-${RUN}`);
    const check = { taskId: id, env: { PATH: "/bin:/usr/bin" }, directory: "/", timeoutMs: 300 };
    const ask = async (script: string) => {
      bench.events.length = 0;
      bench.engine.check({ ...check, argv: ["/bin/sh", "-c", script] });
      const { healthy, output } = await bench.event("checked", id);
      return `${healthy} ${output}`;
    };
    expect(await ask("echo fine")).to.equal("true fine");
    expect(await ask("echo bad; exit 3")).to.equal("false bad");
    expect(await ask("exit 4")).to.equal("false exit status 4");
    expect(await ask("sleep 60")).to.equal("false no answer within 300 ms");
  });

  describe("stops", () => {
    it("with the stop signal, which the program may handle", async () => {
      const task = shell('trap "echo bye; exit 5" INT; echo up; while :; do sleep 0.02; done', {
        stopSignal: "SIGINT",
      });
      await bench.started(task);
      await bench.printed(task.taskId, "up");
      bench.engine.stop(task.taskId);
      expect(await bench.event("exited", task.taskId)).to.deep.include({
        exitCode: 5,
        stopped: true,
      });
      expect(bench.output(task.taskId)).to.equal("up\nbye\n");
    });

    it("with SIGKILL after the grace period", async () => {
      const task = shell('trap "" TERM; echo up; while :; do sleep 0.02; done', {
        stopGraceMs: 300,
      });
      await bench.started(task);
      await bench.printed(task.taskId, "up");
      const began = Date.now();
      bench.engine.stop(task.taskId);
      bench.engine.stop(task.taskId);
      expect(await bench.event("exited", task.taskId)).to.deep.include({
        exitCode: 137,
        stopped: true,
      });
      expect(Date.now() - began).to.be.within(290, 2000);
    });

    it("the whole tree, a grandchild in a session of its own included", async () => {
      const task = shell(
        "setsid sh -c 'setsid sleep 1000 & sleep 1000' & sleep 1000 & echo up; wait",
      );
      await bench.started(task);
      await bench.printed(task.taskId, "up");
      await bench.until(() => processesOf(task.taskId).length >= 5, "the tree");
      bench.engine.stop(task.taskId);
      await bench.event("exited", task.taskId);
      expect(processesOf(task.taskId)).to.deep.equal([]);
    });

    it("what a program that ended by itself left running", async () => {
      const task = shell("sleep 1000 & setsid sleep 1000 & exit 3");
      await bench.started(task);
      expect(await bench.event("exited", task.taskId)).to.deep.include({ exitCode: 3 });
      expect(processesOf(task.taskId)).to.deep.equal([]);
    });

    it("a child that cleared its environment", async () => {
      const task = shell("env -i sleep 1000 & env -i sleep 1000");
      const pid = await bench.started(task);
      await bench.until(() => inSession(pid).length >= 4, "the children");
      bench.engine.stop(task.taskId);
      await bench.event("exited", task.taskId);
      expect(inSession(pid)).to.deep.equal([]);
    });

    it("a task that is still starting", async () => {
      const task = shell("echo ran; sleep 1000");
      await bench.prepared(task);
      bench.engine.start(task.taskId);
      bench.engine.stop(task.taskId);
      expect(await bench.event("exited", task.taskId)).to.deep.include({ stopped: true });
      expect(bench.output(task.taskId)).to.equal("");
    });

    it("with the stop signal a task that has only just begun", async () => {
      const tasks = Array.from({ length: 30 }, () => spec(["sleep", "1000"]));
      for (const task of tasks) {
        await bench.started(task);
        bench.engine.stop(task.taskId);
      }
      for (const task of tasks) {
        // 137 would be one that lost its signal, and was killed after its grace period.
        expect(await bench.event("exited", task.taskId)).to.deep.include({ exitCode: 143 });
      }
    });

    it("a stopped (SIGSTOP) task after the grace period", async () => {
      const task = shell("sleep 1000", { stopGraceMs: 200 });
      const pid = await bench.started(task);
      process.kill(-pid, "SIGSTOP");
      bench.engine.stop(task.taskId);
      expect(await bench.event("exited", task.taskId)).to.deep.include({ exitCode: 137 });
    });
  });

  it("takes the death of the leader for the task's: nothing runs on without it", async () => {
    const task = shell("setsid sleep 1000 & sleep 1000");
    const pid = await bench.started(task);
    process.kill(pid, "SIGKILL");
    expect(await bench.event("exited", task.taskId)).to.deep.include({
      exitCode: 137,
      stopped: false,
    });
  });

  describe("adopts what a former agent left", () => {
    it("a running task, which goes on, and whose exit code it learns", async () => {
      const go = join(bench.directory, "go");
      const script = `i=0; while [ ! -e ${go} ]; do i=$((i+1)); echo $i; sleep 0.02; done; exit 9`;
      const task = shell(script);
      const pid = await bench.started(task);
      await bench.printed(task.taskId, "1\n");
      expect(await bench.restart()).to.deep.equal([{ taskId: task.taskId, state: "running", pid }]);
      const seen = bench.output(task.taskId);
      writeFileSync(go, "");
      expect(await bench.event("exited", task.taskId)).to.deep.include({
        exitCode: 9,
        stopped: false,
      });
      const lines = bench.output(task.taskId).trimEnd().split("\n");
      expect(bench.output(task.taskId).startsWith(seen)).to.equal(true);
      expect(lines).to.deep.equal(lines.map((_, index) => String(index + 1)));
    });

    it("a task that ended meanwhile, with its exit code", async () => {
      const task = shell("sleep 0.1; exit 4");
      const pid = await bench.started(task);
      bench.engine.close();
      await bench.until(() => !existsSync(`/proc/${pid}`), "end of the task");
      const exited = { taskId: task.taskId, state: "exited", exitCode: 4 };
      expect(await bench.restart()).to.deep.equal([exited]);
    });

    it("a task whose leader was killed meanwhile: 137, and nothing of it left", async () => {
      const task = shell("setsid sleep 1000 & sleep 1000");
      const pid = await bench.started(task);
      await bench.until(() => processesOf(task.taskId).length >= 4, "the tree");
      bench.engine.close();
      process.kill(pid, "SIGKILL");
      const [found] = await bench.restart();
      expect(found).to.deep.equal({ taskId: task.taskId, state: "exited", exitCode: 137 });
      expect(processesOf(task.taskId)).to.deep.equal([]);
    });

    it("and stops it like its own", async () => {
      const task = shell("setsid sleep 1000 & sleep 1000");
      await bench.started(task);
      await bench.restart();
      bench.engine.stop(task.taskId);
      const exited = await bench.event("exited", task.taskId);
      expect(exited).to.deep.include({ exitCode: 143, stopped: true });
    });

    it("never a process that only has the same pid", async () => {
      const task = shell("sleep 1000");
      const pid = await bench.started(task);
      bench.engine.close();
      const path = join(bench.directory, "tasks", task.taskId, "task.json");
      const record = JSON.parse(readFileSync(path, "utf8"));
      const stranger = execFileSync("sh", ["-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"]);
      const other = Number(stranger.toString());
      writeFileSync(path, JSON.stringify({ ...record, pid: other }));
      const [found] = await bench.restart();
      expect(found).to.deep.equal({ taskId: task.taskId, state: "exited", exitCode: 137 });
      expect(existsSync(`/proc/${other}`), "the stranger lives").to.equal(true);
      expect(existsSync(`/proc/${pid}`), "the task's own, found by its environment").to.equal(
        false,
      );
      process.kill(other, "SIGKILL");
    });

    it("a task of an earlier boot as killed", async () => {
      const task = shell("exit 0");
      await bench.started(task);
      await bench.event("exited", task.taskId);
      const directory = join(bench.directory, "tasks", task.taskId);
      const record = JSON.parse(readFileSync(join(directory, "task.json"), "utf8"));
      writeFileSync(join(directory, "task.json"), JSON.stringify({ ...record, bootId: "other" }));
      rmSync(join(directory, "status"));
      const exited = { taskId: task.taskId, state: "exited", exitCode: 137 };
      expect(await bench.restart()).to.deep.equal([exited]);
    });

    it("nothing where no command ever began, whatever the file says", async () => {
      const task = shell("exit 0");
      await bench.prepared(task);
      const path = join(bench.directory, "tasks", task.taskId, "task.json");
      writeFileSync(path, '{"schema":1,"pid":-1');
      expect(await bench.restart()).to.deep.equal([]);
    });
  });

  it("never begins a command whose agent died before it was on record", async () => {
    const task = shell("echo ran");
    await bench.prepared(task);
    bench.engine.start(task.taskId);
    bench.engine.close();
    await bench.until(() => processesOf(task.taskId).length === 0, "end of the wrapper");
    expect(bench.output(task.taskId)).to.equal("");
  });

  it("removes every file of an ended task", async () => {
    const task = shell("echo x");
    await bench.started(task);
    await bench.event("exited", task.taskId);
    bench.engine.remove(task.taskId);
    await bench.until(() => readdirSync(join(bench.directory, "tasks")).length === 0, "removal");
  });

  it("runs as another user when it is root", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const task = shell("id -u; echo $HOME $USER; echo again >>/dev/stdout; exit 6", {
      user: "nobody",
    });
    await bench.started(task);
    expect(await bench.event("exited", task.taskId)).to.deep.include({ exitCode: 6 });
    const nobody = execFileSync("id", ["-u", "nobody"]).toString().trim();
    expect(bench.output(task.taskId)).to.match(new RegExp(`^${nobody}\n/\\S* nobody\nagain\n$`));
  });

  it("refuses another user when it is not root", async function () {
    if (process.getuid?.() === 0) this.skip();
    const task = shell("exit 0", { user: "root" });
    bench.engine.prepare(task);
    const { error } = await bench.event("rejected", task.taskId);
    expect(error).to.match(/^cannot run as user "root": the worker does not run as root/);
  });

  it("starts a hundred tasks and leaves none", async () => {
    const tasks = Array.from({ length: 100 }, () => spec(["sleep", "1000"]));
    const began = Date.now();
    await Promise.all(tasks.map((task) => bench.started(task)));
    process.stdout.write(`      100 tasks started in ${Date.now() - began} ms\n`);
    for (const task of tasks) bench.engine.stop(task.taskId);
    await Promise.all(tasks.map((task) => bench.event("exited", task.taskId)));
  });
});

interface Seen {
  readonly pid: number;
  readonly command: string;
}

/** Living processes whose environment names a task that begins with `prefix`. */
function processesOf(prefix: string): readonly Seen[] {
  return living().filter(({ pid }) =>
    readOr(`/proc/${pid}/environ`).includes(`SKEIN_TASK_ID=${prefix}`),
  );
}

function inSession(session: number): readonly Seen[] {
  return living().filter(({ pid }) => stat(pid)[3] === String(session));
}

function living(): readonly Seen[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  const alive = pids.filter((pid) => !["Z", "X", undefined].includes(stat(pid)[0]));
  return alive.map((pid) => ({
    pid,
    command: readOr(`/proc/${pid}/cmdline`).replaceAll("\0", " "),
  }));
}

/** Fields of /proc/<pid>/stat from the state on. */
function stat(pid: number): readonly string[] {
  const text = readOr(`/proc/${pid}/stat`);
  return text === "" ? [] : text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
