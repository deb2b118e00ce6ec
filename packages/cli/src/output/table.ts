/** Columns as Docker's CLI prints them: padded by two spaces or more, upper-case headings. */
import { stripVTControlCharacters } from "node:util";

export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...all.map((row) => visibleLength(row[column] ?? ""))),
  );
  return all.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : pad(cell, (widths[column] ?? 0) + 3),
      )
      .join("")
      .trimEnd(),
  );
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - visibleLength(cell)));
}

/** Colour codes take no room. */
function visibleLength(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
