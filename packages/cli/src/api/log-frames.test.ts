import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { expect } from "chai";
import * as fc from "fast-check";
import type { LogLine } from "./log-frames.ts";
import { parseLine, readLogLines } from "./log-frames.ts";

function frame(text: string, stream: 1 | 2 = 1): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function read(chunks: readonly Buffer[]): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  // Only its chunks are read.
  for await (const line of readLogLines(Readable.from(chunks) as IncomingMessage)) lines.push(line);
  return lines;
}

const DETAILS =
  "com.docker.swarm.node.id=n1,com.docker.swarm.service.id=s1,com.docker.swarm.task.id=t1";

describe("frames of logs", () => {
  it("name task, node, time and stream", () => {
    const line = parseLine(`2026-01-01T00:00:00.000000001Z ${DETAILS} hello world\n`, true);
    expect(line).to.deep.equal({
      stream: "stderr",
      time: "2026-01-01T00:00:00.000000001Z",
      taskId: "t1",
      nodeId: "n1",
      text: "hello world",
    });
  });

  it("keep a line that has nothing before it", () => {
    expect(parseLine("plain\n", false)).to.include({ text: "plain", taskId: "", time: "" });
  });

  it("come out whole however the stream is cut", async () => {
    const texts = ["one\n", "", "zwei ä\n", "3\n"];
    const whole = Buffer.concat(texts.map((text) => frame(`${DETAILS} ${text}`)));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...[...cuts].sort((a, b) => a - b), whole.length];
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        const lines = await read(chunks.filter((chunk) => chunk.length > 0));
        expect(lines.map((line) => line.text)).to.deep.equal(["one", "", "zwei ä", "3"]);
      }),
      { numRuns: 50 },
    );
  });

  it("leave out what was cut off", async () => {
    const cut = frame("half a line\n").subarray(0, 12);
    expect(await read([frame("whole\n"), cut])).to.have.length(1);
  });
});
