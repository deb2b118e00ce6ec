import { expect } from "chai";
import type { Command } from "commander";
import { createProgram } from "./program.ts";

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

describe("the skein program", () => {
  const commands = leaves(createProgram());

  it("has docker's nouns and verbs", () => {
    expect(commands.map(pathOf)).to.include.members([
      ...["create", "ls", "ps", "inspect", "scale", "update", "rollback", "rm", "logs"].map(
        (verb) => `skein service ${verb}`,
      ),
      ...["ls", "inspect", "ps", "update", "rm"].map((verb) => `skein node ${verb}`),
      ...["create", "ls", "inspect", "rm"].map((verb) => `skein config ${verb}`),
    ]);
  });

  for (const command of commands) {
    it(`${pathOf(command)} has help with examples of itself, and takes the global flags`, () => {
      let help = "";
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      const [, examples = ""] = help.split("\nExamples:\n");
      expect(examples).to.contain(pathOf(command));
      const flags = command.options.map((option) => option.long);
      expect(flags).to.include.members(["--json", "--cluster", "--state-dir", "--host"]);
      expect(new Set(flags).size).to.equal(flags.length);
    });
  }
});
