/** `/version` and `/info`: what the machine and the process are, in the Engine API's shape. */
import { API_VERSION, API_VERSION_MIN, SKEIN_VERSION } from "@skein/common/api/api-version";
import { formatWall } from "./time.ts";

/** Facts of the machine and the process; the shell asks the system for them. */
export interface HostFacts {
  readonly name: string;
  /** "x86_64" */
  readonly machine: string;
  /** "amd64": Go's name of the same. */
  readonly architecture: string;
  readonly kernel: string;
  readonly operatingSystem: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** "v20.20.2" */
  readonly runtime: string;
  readonly wall: number;
}

export function versionToEngine(host: HostFacts): object {
  const shared = {
    ApiVersion: API_VERSION,
    MinAPIVersion: API_VERSION_MIN,
    GitCommit: "",
    GoVersion: `none (Node.js ${host.runtime})`,
    Os: "linux",
    Arch: host.architecture,
    KernelVersion: host.kernel,
    BuildTime: "",
  };
  return {
    Platform: { Name: `Skein ${SKEIN_VERSION}` },
    Components: [
      { Name: "Engine", Version: SKEIN_VERSION, Details: { ...shared, Experimental: "false" } },
    ],
    Version: SKEIN_VERSION,
    ...shared,
  };
}

export interface InfoFacts {
  readonly id: string;
  readonly swarm: object;
  readonly plane: string;
  readonly stateDirectory: string;
  readonly warnings: readonly string[];
}

export function infoToEngine(host: HostFacts, facts: InfoFacts): object {
  return {
    ID: facts.id,
    Containers: 0,
    ContainersRunning: 0,
    ContainersPaused: 0,
    ContainersStopped: 0,
    Images: 0,
    Driver: "host",
    DriverStatus: [["Plane", facts.plane]],
    Plugins: { Volume: [], Network: ["overlay"], Authorization: null, Log: ["local"] },
    ...CAPABILITIES,
    SystemTime: formatWall(host.wall),
    LoggingDriver: "local",
    CgroupDriver: "none",
    KernelVersion: host.kernel,
    OperatingSystem: host.operatingSystem,
    OSVersion: "",
    OSType: "linux",
    Architecture: host.machine,
    IndexServerAddress: "",
    RegistryConfig: null,
    NCPU: host.cpus,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: facts.stateDirectory,
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: host.name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: SKEIN_VERSION,
    Swarm: facts.swarm,
    LiveRestoreEnabled: true,
    Isolation: "",
    SecurityOptions: [],
    Warnings: facts.warnings,
  };
}

/** What a container engine would set up: nothing of it is here, and nothing is pretended. */
const CAPABILITIES = {
  MemoryLimit: false,
  SwapLimit: false,
  CpuCfsPeriod: false,
  CpuCfsQuota: false,
  CPUShares: false,
  CPUSet: false,
  PidsLimit: false,
  IPv4Forwarding: false,
  Debug: false,
  NFd: 0,
  OomKillDisable: false,
  NGoroutines: 0,
  NEventsListener: 0,
} as const;
