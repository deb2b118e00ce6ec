import { expect } from "chai";
import { readEnvFile } from "./env-file.ts";

const OUTER = new Map([["HOME", "/home/u"]]);

function read(text: string): Readonly<Record<string, string | undefined>> | string {
  const done = readEnvFile(text, OUTER);
  return done.ok ? Object.fromEntries(done.value) : done.error;
}

describe("compose env files", () => {
  const table: readonly (readonly [string, string, object | string])[] = [
    ["plain", "A=1\nB = two words \n", { A: "1", B: "two words" }],
    ["comments and empty lines", "# x\n\n  # y\nA=1 # z\nB=a#b\nC=#", { A: "1", B: "a#b", C: "" }],
    ["export", "export A=1", { A: "1" }],
    ["single quotes", "A='$HOME \\n # x' # c", { A: "$HOME \\n # x" }],
    ["double quotes", 'A="$HOME\\n\\"x\\" # y"', { A: '/home/u\n"x" # y' }],
    ["several lines", "A='one\ntwo'\nB=2", { A: "one\ntwo", B: "2" }],
    ["earlier names", "A=1\nB=${A}2", { A: "1", B: "12" }],
    ["a name alone", "A\nB=", { A: undefined, B: "" }],
    ["Windows line ends and a byte order mark", "\uFEFFA=1\r\nB=2\r\n", { A: "1", B: "2" }],
    ["no name", "=1", "line 1 is not NAME=value: =1"],
    ["an open quote", "A=1\nB='x", "line 2: the quote ' is not closed"],
    ["a tail", "A='x'y", "line 1: something follows the closing quote"],
  ];
  for (const [name, text, expected] of table) {
    it(name, () => expect(read(text)).to.deep.equal(expected));
  }
});
