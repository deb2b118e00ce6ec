/** A command line in one string -> its words, with the quotes and escapes of a POSIX shell. */
import type { Result } from "../result.ts";
import { fail, ok } from "../result.ts";

/** No variables, globs or operators: Compose runs no shell. */
export function splitWords(line: string): Result<readonly string[], string> {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at += 1) {
    const letter = line.charAt(at);
    const escaped = letter === "\\" && quote !== "'" && at + 1 < line.length;
    if (escaped) {
      at += 1;
      word = (word ?? "") + unescaped(line.charAt(at), quote);
    } else if (quote !== "") {
      if (letter === quote) quote = "";
      else word = (word ?? "") + letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") return fail(`the quote ${quote} in ${JSON.stringify(line)} is not closed`);
  if (word !== undefined) words.push(word);
  return ok(words);
}

/** Within double quotes a backslash is itself, unless what follows is special there. */
function unescaped(letter: string, quote: string): string {
  if (letter === "\n") return "";
  return quote === '"' && !['"', "\\", "$", "`"].includes(letter) ? `\\${letter}` : letter;
}
