/** What a local cluster needs of the machine, and what of it is missing. */
import { accessSync, constants, existsSync } from "node:fs";

export interface MachineFacts {
  readonly platform: string;
  readonly hasProc: boolean;
  readonly hasShell: boolean;
}

export function machineFacts(): MachineFacts {
  return {
    platform: process.platform,
    hasProc: existsSync("/proc/self/stat"),
    hasShell: isExecutable("/bin/sh"),
  };
}

/** Completes "Cannot start cluster default: …"; undefined when nothing is missing. */
export function missingText(facts: MachineFacts): string | undefined {
  const missing = [
    ...(facts.platform === "linux"
      ? []
      : [`Linux and its addresses 127.0.0.0/8 (this is ${facts.platform})`]),
    ...(facts.hasProc ? [] : ["/proc, which tells processes apart"]),
    ...(facts.hasShell ? [] : ["/bin/sh, which starts tasks"]),
  ];
  if (missing.length === 0) return undefined;
  const remedy =
    facts.platform === "linux"
      ? "mount or install it"
      : "run Skein in a Linux machine, virtual machine, container or WSL 2";
  return `this machine lacks ${missing.join(", ")}: ${remedy}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
