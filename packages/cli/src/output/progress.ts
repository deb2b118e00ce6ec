/** One line on a terminal that changes in place. Nothing at all where nobody watches. */

export interface Progress {
  update(line: string): void;
  /** Takes the line away. */
  done(): void;
}

export function createProgress(stream: NodeJS.WriteStream, wanted: boolean): Progress {
  if (!wanted || stream.isTTY !== true) return { update: () => undefined, done: () => undefined };
  let shown = "";
  return {
    update: (line) => {
      const room = Math.max(10, (stream.columns || 80) - 1);
      const text = line.length > room ? `${line.slice(0, room - 1)}…` : line;
      if (text === shown) return;
      shown = text;
      stream.write(`\r\u001b[K${text}`);
    },
    done: () => {
      if (shown !== "") stream.write("\r\u001b[K");
      shown = "";
    },
  };
}
