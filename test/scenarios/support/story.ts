/**
 * A story: a text file in blocks. A block is what happens, line by line, a line of dashes, and what
 * is seen then; blocks are parted by empty lines. Lines that begin with `#` are for the reader.
 *
 * It runs on the deciders and the store alone: no socket, no process, no time but the story's.
 * `SKEIN_REWRITE=1` writes down what is seen; the change is then read like any other.
 */
import { StoryWorld } from "./story-world.ts";

const DIVIDER = "----";

/** The story as it went: equal to what is written, or not. */
export function retell(text: string): string {
  const world = new StoryWorld();
  return `${text
    .trimEnd()
    .split(/\n{2,}/)
    .map((block) => retellBlock(world, block))
    .join("\n\n")}\n`;
}

function retellBlock(world: StoryWorld, block: string): string {
  const lines = block.split("\n");
  const end = lines.indexOf(DIVIDER);
  const acts = end < 0 ? lines : lines.slice(0, end);
  const seen = acts.filter((line) => !line.startsWith("#")).flatMap((line) => world.act(line));
  if (acts.every((line) => line.startsWith("#"))) return block;
  return [...acts, ...(seen.length === 0 ? [] : [DIVIDER, ...seen])].join("\n");
}
