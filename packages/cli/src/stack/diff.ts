/** Two texts line by line: what is gone, what is new, and a little of what is around it. */

/** Unchanged lines shown around a change, as `diff -u` does. */
const CONTEXT = 3;
/** Beyond it (lines times lines) the texts are shown as replaced as a whole. */
const CELLS_MAX = 4_000_000;

/** Lines begin with "+", "-" or " "; "…" stands for what is left out. Empty: they are the same. */
export function diffLines(before: string, after: string): readonly string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  if (before === after) return [];
  const all = a.length * b.length > CELLS_MAX ? replaced(a, b) : aligned(a, b);
  return around(all);
}

function linesOf(text: string): readonly string[] {
  return text.replace(/\n$/, "").split("\n");
}

function replaced(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
}

/** By the longest common subsequence. */
function aligned(a: readonly string[], b: readonly string[]): readonly string[] {
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const cell = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        a[i] === b[j] ? cell(i + 1, j + 1) + 1 : Math.max(cell(i + 1, j), cell(i, j + 1));
    }
  }
  const out: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(` ${a[i]}`);
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || cell(i + 1, j) >= cell(i, j + 1))) {
      out.push(`-${a[i]}`);
      i += 1;
    } else {
      out.push(`+${b[j]}`);
      j += 1;
    }
  }
  return out;
}

function around(lines: readonly string[]): readonly string[] {
  const isNear = lines.map((_, at) => {
    const near = lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1);
    return near.some((line) => !line.startsWith(" "));
  });
  const out: string[] = [];
  for (const [at, line] of lines.entries()) {
    if (isNear[at] === true) out.push(line);
    else if (out.at(-1) !== "…") out.push("…");
  }
  return out;
}
