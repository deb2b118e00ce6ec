/** The managers of a simulated cluster as servers of registers: a config is a register. */
import { configId } from "@skein/common/ids";
import type { Manager } from "@skein/manager/shell/manager";
import type { Command } from "@skein/manager/store/command";
import type { Reading } from "../../linearizability/model.ts";
import type { ClientNode, RegisterServer, Wish } from "../clients/server.ts";
import type { SimNode } from "./sim-node.ts";

export function configNode(node: SimNode, all: () => readonly SimNode[]): ClientNode {
  return {
    name: node.name,
    serve: (delayMs, what) =>
      node.toManager(delayMs, (manager) => {
        what(manager === undefined ? undefined : configServer(manager, all));
      }),
  };
}

function configServer(manager: Manager, all: () => readonly SimNode[]): RegisterServer {
  return {
    write: ({ name, wish, request }, done) => manager.propose(commandOf(name, wish), request, done),
    linearize: (done) => manager.linearize((result) => done(result.ok)),
    reading: (name) => readingOf(manager, name),
    leader: () => {
      const named = manager.status().leader?.nodeId;
      return all().find((node) => node.config.nodeId === named)?.name;
    },
  };
}

function commandOf(name: string, wish: Wish): Command {
  const spec = (value: string) => ({ name, labels: { value }, data: Uint8Array.of(1) });
  switch (wish.kind) {
    case "create":
      return { kind: "create-config", configId: configId(wish.id), spec: spec(wish.value) };
    case "update": {
      const { id, version } = wish.from;
      return { kind: "update-config", configId: configId(id), version, spec: spec(wish.value) };
    }
    default:
      return { kind: "remove-config", configId: configId(wish.id) };
  }
}

function readingOf(manager: Manager, name: string): Reading | undefined {
  const config = manager.view.configByName(name);
  if (config === undefined) return undefined;
  const { id, version, spec } = config;
  return { id, value: spec.labels["value"] ?? "", version };
}
