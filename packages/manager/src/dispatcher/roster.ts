/** The connections of this leader, and which of them speaks for which node (D10). */
import type { NodeId } from "@skein/common/ids";
import type { Connection, Live } from "./connection.ts";

export type LiveConnection = Connection & { readonly phase: Live };

export class Roster {
  readonly #connections = new Map<number, Connection>();
  /** The connection that said hello last. */
  readonly #current = new Map<NodeId, Connection>();

  get size(): number {
    return this.#connections.size;
  }

  add(connection: Connection): void {
    this.#connections.set(connection.id, connection);
  }

  get(id: number): Connection | undefined {
    return this.#connections.get(id);
  }

  currentOf(nodeId: NodeId): Connection | undefined {
    return this.#current.get(nodeId);
  }

  makeCurrent(connection: Connection): void {
    this.#current.set(connection.nodeId, connection);
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.id);
    if (this.#current.get(connection.nodeId) === connection) {
      this.#current.delete(connection.nodeId);
    }
  }

  /** In the order in which they were opened: their numbers grow. */
  list(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  live(): readonly LiveConnection[] {
    return this.list().filter(isLive);
  }

  liveOf(nodeId: NodeId): LiveConnection | undefined {
    const connection = this.#current.get(nodeId);
    return connection !== undefined && isLive(connection) ? connection : undefined;
  }
}

export function isLive(connection: Connection): connection is LiveConnection {
  return connection.phase.kind === "live";
}
