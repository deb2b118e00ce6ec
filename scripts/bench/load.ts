/**
 * Closed-loop HTTP load: so many connections, each sends its next request when it has its answer.
 */
import { Agent, request } from "node:http";

export interface LoadOptions {
  readonly connections: number;
  readonly durationMs: number;
  /** Where each connection goes; "/path" is a unix socket, "host:port" is TCP. */
  readonly targets: readonly string[];
  readonly path: string;
  /** The body of request number `n`; absent: a GET. */
  readonly body?: (n: number) => string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let [next, errors] = [0, 0];
  const begin = performance.now();
  const end = begin + options.durationMs;
  const agents = Array.from(
    { length: options.connections },
    () => new Agent({ keepAlive: true, maxSockets: 1 }),
  );
  const worker = async (agent: Agent, at: number): Promise<void> => {
    const target = options.targets[at % options.targets.length] ?? "";
    while (performance.now() < end) {
      next += 1;
      const since = performance.now();
      const status = await send(agent, target, options.path, options.body?.(next));
      if (status >= 200 && status < 300) latencies.push(performance.now() - since);
      else errors += 1;
    }
  };
  await Promise.all(agents.map(worker));
  const seconds = (performance.now() - begin) / 1000;
  for (const agent of agents) agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    Number((latencies[Math.floor(share * (latencies.length - 1))] ?? Number.NaN).toFixed(2));
  return { perSecond: Math.round(latencies.length / seconds), p50: at(0.5), p99: at(0.99), errors };
}

function send(
  agent: Agent,
  target: string,
  path: string,
  body: string | undefined,
): Promise<number> {
  const [host = "", port = ""] = target.split(":");
  const where = target.startsWith("/") ? { socketPath: target } : { host, port: Number(port) };
  const how =
    body === undefined
      ? { method: "GET" }
      : {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
          },
        };
  return new Promise((resolve) => {
    const call = request({ ...where, agent, path, ...how }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
      answer.on("error", () => resolve(0));
    });
    call.on("error", () => resolve(0));
    call.end(body);
  });
}
