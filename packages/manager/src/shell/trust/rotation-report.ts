/** Says in log and metric how far the rotation of the root is. */
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import { awaitedName } from "../../control/root-rotation.ts";
import { rotationWaitsFor } from "../../store/root-rotation.ts";
import type { ClusterView } from "../../store/view.ts";

export class RotationReport {
  readonly #log: Log;
  readonly #metrics: Metrics;
  #waiting: string | undefined;

  constructor({ log, metrics }: { readonly log: Log; readonly metrics: Metrics }) {
    this.#log = log;
    this.#metrics = metrics;
    metrics.gauge("skein_root_rotation_nodes_waiting", 0);
  }

  /** A node or the trust changed. */
  changed(view: ClusterView): void {
    const nodes = rotationWaitsFor(view);
    const waiting = nodes?.map(awaitedName).join(", ");
    if (waiting === this.#waiting) return;
    this.#metrics.gauge("skein_root_rotation_nodes_waiting", nodes?.length ?? 0);
    this.#waiting = waiting;
    if (waiting === undefined) this.#log.write("info", "root replaced: the old one is dropped");
    else this.#log.write("info", "root is being replaced", { waiting: waiting.slice(0, 1000) });
  }
}
