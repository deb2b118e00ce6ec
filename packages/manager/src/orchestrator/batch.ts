/** Cuts long lists of items into commands of bounded size, in order. */
import { COMMAND_ITEMS_MAX } from "../limits.ts";
import type { Command } from "../store/command.ts";

export function inBatches<Item>(
  items: readonly Item[],
  make: (batch: readonly Item[]) => Command,
): readonly Command[] {
  const commands: Command[] = [];
  for (let start = 0; start < items.length; start += COMMAND_ITEMS_MAX) {
    commands.push(make(items.slice(start, start + COMMAND_ITEMS_MAX)));
  }
  return commands;
}
