/** 100 replicas on five workers, from the request to the last one running: `sleep`, and Node. */
import { LocalCluster } from "../../test/support/local-cluster.ts";
import { timeUntil } from "../../test/support/wait.ts";
import { reportTimes } from "./report.ts";

const PROGRAMS: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "sleep", argv: ["sleep", "1000"] },
  { name: "node", argv: ["node", "-e", "setInterval(() => {}, 1000)"] },
];

export async function benchReplicas(rounds: number): Promise<void> {
  const cluster = new LocalCluster("bench");
  try {
    await cluster.up(3, 5);
    for (const { name, argv } of PROGRAMS) {
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const service = `${name}-${round}`;
        const since = performance.now();
        await cluster.skein("run", "-d", "--name", service, "--replicas", "100", "--", ...argv);
        await timeUntil(60_000, "100 run", async () => {
          return (await cluster.running(service)).length === 100;
        });
        times.push(Math.round(performance.now() - since));
        await cluster.skein("service", "rm", service);
        await timeUntil(
          60_000,
          "all are gone",
          async () => (await cluster.get("/tasks")).length === 0,
        );
      }
      reportTimes("replicas", `100 replicas of ${name} created -> running`, times);
    }
  } finally {
    await cluster.down();
  }
}
