/** A Procfile -> services: one a line, run by a shell. `release` is a job that others wait for. */
import type { Tree, TreeMap } from "@skein/common/compose/tree";
import type { Imported } from "./imported.ts";
import { Report, serviceName, withoutVariables } from "./imported.ts";

/** What foreman gives the first process of a Procfile, and people expect of `web`. */
const WEB_PORT = 5000;
const RELEASE = "release";

export function importProcfile(text: string): Imported {
  const report = new Report();
  const processes = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, command] = /^([A-Za-z0-9_-]+):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || command === undefined) {
      report.say("", `line ${index + 1}`, "is no `name: command`");
    } else processes.set(name, command.trim());
  }
  const services = [...processes].map(([name, command]) => {
    const waits = name !== RELEASE && processes.has(RELEASE);
    return [serviceName(name), toService(name, command, waits)] as const;
  });
  if (processes.has("web")) {
    const reason = `publishes port \${PORT:-${WEB_PORT}}, and listens on ${WEB_PORT} as $PORT says`;
    report.say("", "web", reason);
  }
  return { tree: { services: Object.fromEntries(services) }, report: report.findings };
}

function toService(name: string, command: string, waits: boolean): TreeMap {
  const after: Tree = { [RELEASE]: { condition: "service_completed_successfully" } };
  const job: Tree = { mode: "replicated-job", restart_policy: { condition: "on-failure" } };
  return {
    image: "host",
    command: ["/bin/sh", "-c", withoutVariables(command)],
    env_file: [{ path: ".env", required: false }],
    ...(name === "web" ? { ports: [`\${PORT:-${WEB_PORT}}:${WEB_PORT}`] } : {}),
    ...(waits ? { depends_on: after } : {}),
    ...(name === RELEASE ? { deploy: job } : {}),
  };
}
