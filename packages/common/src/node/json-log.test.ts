import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { LogLevel } from "../io/log.ts";
import { LOG_LINE_CHARACTERS_MAX } from "../limits.ts";
import { appendWriter, jsonLog } from "./json-log.ts";

function collect(level: LogLevel = "debug") {
  const lines: string[] = [];
  const log = jsonLog({ node: "n1", role: "manager", level, write: (line) => lines.push(line) });
  return { log, last: () => JSON.parse(lines.at(-1) ?? "null") as unknown, lines };
}

describe("jsonLog", () => {
  it("writes one line with node, role, term and fields", () => {
    const { log, last, lines } = collect();
    log.setTerm(7);
    log.write("info", "became\nleader", { voters: 3, term: 9 });
    expect(lines[0]?.indexOf("\n")).to.equal((lines[0]?.length ?? 0) - 1);
    const { time, ...rest } = last() as Record<string, unknown>;
    expect(time).to.match(/^\d{4}-\d\d-\d\dT/);
    expect(rest).to.deep.equal({
      level: "info",
      node: "n1",
      role: "manager",
      term: 7,
      message: "became\nleader",
      voters: 3,
      term_: 9,
    });
  });

  it("leaves out what is below its level", () => {
    const { log, lines } = collect("warn");
    for (const level of ["debug", "info", "warn", "error"] as const) log.write(level, level);
    expect(lines).to.have.length(2);
  });

  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const rows: readonly { readonly name: string; readonly fields: Record<string, unknown> }[] = [
    { name: "a cycle", fields: cycle },
    { name: "a throwing toJSON", fields: { x: { toJSON: () => cycle["no"]?.valueOf.call(null) } } },
    { name: "a bigint", fields: { x: 10n } },
    { name: "bytes", fields: { x: new Uint8Array(1_000_000) } },
    { name: "a huge string", fields: { x: "y".repeat(1_000_000) } },
    { name: "a huge list", fields: { x: Array.from({ length: 100_000 }, (_, at) => at) } },
    { name: "an error", fields: { x: new Error("boom") } },
  ];
  for (const { name, fields } of rows) {
    it(`survives ${name} with one bounded line`, () => {
      const { log, last, lines } = collect();
      log.write("error", "odd", fields);
      expect(lines).to.have.length(1);
      expect(lines[0]?.length).to.be.below(LOG_LINE_CHARACTERS_MAX + 1000);
      expect(last()).to.include({ message: "odd", level: "error" });
    });
  }

  it("survives a writer that throws", () => {
    const write = () => {
      throw new Error("no space");
    };
    const log = jsonLog({ node: "n", role: "worker", level: "info", write });
    expect(() => log.write("info", "x")).not.to.throw();
  });
});

describe("appendWriter", () => {
  it("appends what two writers of one file write", () => {
    const directory = mkdtempSync(join(tmpdir(), "skein-log-"));
    const path = join(directory, "log");
    const [a, b] = [appendWriter(path), appendWriter(path)];
    a.write("1\n");
    b.write("2\n");
    a.write("3\n");
    a.close();
    b.close();
    expect(readFileSync(path, "utf8")).to.equal("1\n2\n3\n");
    rmSync(directory, { recursive: true });
  });
});
