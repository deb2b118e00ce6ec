import { expect } from "chai";
import { checkFile } from "./check-file.ts";

const CORE = "packages/manager/src/raft/election.ts";
const SHELL = "packages/manager/src/shell/manager.ts";
const TEST = "packages/manager/src/raft/election.test.ts";
const HEAD = "/** What it is. */\n";

interface Row {
  readonly name: string;
  readonly path?: string;
  readonly text: string;
  readonly rules: readonly string[];
}

const rows: readonly Row[] = [
  { name: "a clean core file", text: "export const a = 1;", rules: [] },
  { name: "Date in the core", text: "export const a = Date.now();", rules: ["pure-core"] },
  { name: "Date in a shell", path: SHELL, text: "export const a = Date.now();", rules: [] },
  { name: "Math.random", text: "export const a = Math.random();", rules: ["pure-core"] },
  { name: "Math.min", text: "export const a = Math.min(1, 2);", rules: [] },
  { name: "setTimeout", text: "export const a = () => setTimeout(b, 1);", rules: ["pure-core"] },
  { name: "async", text: "export async function a() {}", rules: ["pure-core"] },
  { name: "a field named process", text: "export const a = spec.process;", rules: [] },
  { name: "a key named process", text: "export const a = { process: 1 };", rules: [] },
  {
    name: "a parameter named process",
    text: "export const a = (process) => process.x;",
    rules: [],
  },
  { name: "process itself", text: "export const a = process.env;", rules: ["pure-core"] },
  { name: "node: in the core", text: 'import { a } from "node:fs";', rules: ["import"] },
  { name: "node: in a shell", path: SHELL, text: 'import { a } from "node:fs";', rules: [] },
  { name: "core to shell", text: 'import { a } from "../shell/b.ts";', rules: ["import"] },
  { name: "shell to core", path: SHELL, text: 'import { a } from "../raft/b.ts";', rules: [] },
  {
    name: "manager to worker",
    path: SHELL,
    text: 'import { a } from "@skein/worker/agent/agent";',
    rules: ["import"],
  },
  {
    name: "core to an adapter",
    text: 'import { a } from "@skein/common/node/file-disk";',
    rules: ["import"],
  },
  {
    name: "a package to the tests",
    path: SHELL,
    text: 'import { a } from "../../../../test/sim/x.ts";',
    rules: ["import"],
  },
  {
    name: "a test to anything",
    path: TEST,
    text: 'import { a } from "@skein/worker/agent/agent";',
    rules: [],
  },
  { name: "any", text: "export const a: any = 1;", rules: ["any"] },
  { name: "non-null", text: "export const a = b!;", rules: ["non-null"] },
  { name: "enum", text: "export enum A { B }", rules: ["enum"] },
  { name: "default export", text: "export default 1;", rules: ["default-export"] },
  {
    name: "parameter property",
    text: "export class A { constructor(readonly b: number) {} }",
    rules: ["parameter-property"],
  },
  { name: "five parameters", text: "export function a(b, c, d, e, f) {}", rules: ["parameters"] },
  {
    name: "a long line",
    text: `export const a = "${"x".repeat(100)}" + b;`,
    rules: ["line-length"],
  },
  { name: "a long function", text: longFunction(61), rules: ["function-length"] },
  { name: "a function at the limit", text: longFunction(60), rules: [] },
  { name: "a long file", text: "export {};\n".repeat(400), rules: ["file-length"] },
  { name: "it.only", path: TEST, text: "it.only('a', () => {});", rules: ["only"] },
  { name: "a long describe", path: TEST, text: longDescribe(100), rules: [] },
];

describe("tidy", () => {
  for (const { name, path = CORE, text, rules } of rows) {
    it(`${rules.length === 0 ? "accepts" : "finds"} ${name}`, () => {
      const found = checkFile(path, HEAD + text);
      expect([...new Set(found.map((finding) => finding.rule))]).to.deep.equal(rules);
    });
  }

  it("asks a core file for a header, on top or at its first declaration", () => {
    const rulesOf = (text: string): string[] => checkFile(CORE, text).map(({ rule }) => rule);
    expect(rulesOf("export const a = 1;")).to.deep.equal(["header"]);
    expect(rulesOf('import type { B } from "./b.ts";\n\n/** It. */\nexport const a = 1;')).to.be
      .empty;
  });

  it("names the line", () => {
    const [finding] = checkFile(CORE, `${HEAD}\n\nexport const a = Date.now();`);
    expect(finding?.line).to.equal(4);
  });
});

function longFunction(lines: number): string {
  return `export function a() {\n${"  b();\n".repeat(lines - 2)}}`;
}

function longDescribe(lines: number): string {
  return `describe("a", () => {\n${"  b();\n".repeat(lines)}});`;
}
