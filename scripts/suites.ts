/** The suites of both tiers, fast to slow: what runs, and what it needs. */

export type Capability = "root" | "docker" | "namespaces" | "python";

export interface Suite {
  readonly name: string;
  readonly tier: "quick" | "full";
  /** A command counts as one test; `mocha` counts what mocha counts. */
  readonly command?: readonly string[];
  readonly mocha?: readonly string[];
  readonly needs?: readonly Capability[];
  readonly env?: Readonly<Record<string, string>>;
  /** So many processes at once, each told its share by SKEIN_PART ("1/2"): pure computation. */
  readonly parts?: number;
  /** Clusters of real processes, real time: a file with a failure is run again once. */
  readonly realProcesses?: true;
}

export const SUITES: readonly Suite[] = [
  { name: "format", tier: "quick", command: ["npx", "biome", "check", "."] },
  { name: "lint", tier: "quick", command: ["npx", "oxlint", "--quiet", "."] },
  { name: "types", tier: "quick", command: ["npx", "tsc", "-b"] },
  {
    name: "tidy",
    tier: "quick",
    command: [process.execPath, "--import", "tsx", "scripts/tidy.ts"],
  },
  {
    name: "unit",
    tier: "quick",
    mocha: ["packages/*/src/**/*.test.ts", "test/worker/*.test.ts", "scripts/**/*.test.ts"],
  },
  { name: "linearizability", tier: "quick", mocha: ["test/linearizability/*.test.ts"] },
  { name: "paper", tier: "quick", mocha: ["test/paper/**/*.test.ts"] },
  { name: "scenarios", tier: "quick", mocha: ["test/scenarios/*.test.ts"] },
  { name: "contract", tier: "quick", mocha: ["test/contract/**/*.test.ts"] },
  { name: "fuzz", tier: "quick", mocha: ["test/fuzz/*.test.ts"] },
  { name: "simulator", tier: "quick", mocha: ["test/sim/**/*.test.ts"] },
  {
    name: "integration",
    realProcesses: true,
    tier: "quick",
    mocha: ["test/integration/*.test.ts"],
  },
  { name: "cli", realProcesses: true, tier: "quick", mocha: ["test/cli/*.test.ts"] },
  { name: "machines", realProcesses: true, tier: "full", mocha: ["test/machines/*.test.ts"] },
  {
    name: "five hosts",
    realProcesses: true,
    tier: "full",
    mocha: ["test/hosts/*.test.ts"],
    needs: ["root", "namespaces"],
  },
  {
    name: "docker CLI",
    realProcesses: true,
    tier: "full",
    mocha: ["test/docker/*.test.ts"],
    needs: ["docker"],
  },
  {
    name: "cli, life and failures",
    realProcesses: true,
    tier: "full",
    mocha: ["test/cli/full/*.test.ts"],
  },
  {
    name: "gossip of real processes",
    realProcesses: true,
    tier: "full",
    mocha: ["test/gossip/*.test.ts"],
  },
  { name: "planted bugs", tier: "full", mocha: ["test/canary/*.test.ts"] },
  {
    name: "kernel plane",
    realProcesses: true,
    tier: "full",
    mocha: ["test/kernel/*.test.ts"],
    needs: ["root", "namespaces"],
  },
  {
    name: "ingress, bad cases",
    realProcesses: true,
    tier: "full",
    mocha: ["test/ingress/*.test.ts"],
  },
  // Not run again: what clients were told is wrong, or it is not.
  { name: "chaos", tier: "full", mocha: ["test/chaos/*.test.ts"] },
  { name: "failures", realProcesses: true, tier: "full", mocha: ["test/failures/*.test.ts"] },
  {
    name: "simulators, more seeds",
    tier: "full",
    parts: 2,
    mocha: ["test/sim/cluster.test.ts", "test/sim/raft/*.test.ts"],
    env: { SKEIN_SIM_SEEDS: "50", SKEIN_RAFT_SEEDS: "60", SKEIN_SIM_TWICE: "all" },
  },
  {
    name: "gossip, more seeds",
    tier: "full",
    mocha: ["test/sim/gossip/*.test.ts"],
    env: { SKEIN_SIM_SEEDS: "50" },
  },
];
