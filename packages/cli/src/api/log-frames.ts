/** The framed stream of `/services/{id}/logs`: 8 bytes of header, then one whole line. */
import type { IncomingMessage } from "node:http";

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** As the managers print it; "" unless asked for. */
  readonly time: string;
  readonly taskId: string;
  readonly nodeId: string;
  /** Without its end. */
  readonly text: string;
}

const HEADER_BYTES = 8;

/**
 * Lines as they come. A frame that says it is longer than any line is the end of what can be read.
 */
export async function* readLogLines(response: IncomingMessage): AsyncGenerator<LogLine> {
  let pending = Buffer.alloc(0);
  for await (const chunk of response) {
    // A response without an encoding gives buffers.
    pending = Buffer.concat([pending, chunk as Buffer]);
    for (;;) {
      if (pending.length < HEADER_BYTES) break;
      const end = HEADER_BYTES + pending.readUInt32BE(4);
      if (pending.length < end) break;
      yield parseLine(pending.subarray(HEADER_BYTES, end).toString("utf8"), pending[0] === 2);
      pending = pending.subarray(end);
    }
  }
}

/** "[time ]com.docker.swarm.node.id=…,….task.id=… text": what `details` and `timestamps` add. */
export function parseLine(line: string, isError: boolean): LogLine {
  const match = /^(?:(\d{4}-\S+Z) )?(com\.docker\.swarm\.\S*) ?(.*)$/s.exec(line);
  const [, time = "", details = "", text = line] = match ?? [];
  const ids = new Map(
    details.split(",").map((pair) => {
      const [key = "", value = ""] = pair.split("=", 2);
      return [key.replace("com.docker.swarm.", ""), value] as const;
    }),
  );
  return {
    stream: isError ? "stderr" : "stdout",
    time,
    taskId: ids.get("task.id") ?? "",
    nodeId: ids.get("node.id") ?? "",
    text: text.replace(/\r?\n$/, ""),
  };
}
