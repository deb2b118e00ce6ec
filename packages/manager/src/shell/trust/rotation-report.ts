/** Says in log and metric how far the rotation of the root is. */
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Node } from "@skein/common/model/node";
import { awaitedName } from "../../control/root-rotation.ts";
import { rotationWaitsFor } from "../../store/root-rotation.ts";
import type { ClusterView } from "../../store/view.ts";

export class RotationReport {
  readonly #log: Log;
  readonly #metrics: Metrics;
  #isUnderWay = false;
  /** Those that nobody but a person can bring to renew. */
  #away = "";

  constructor({ log, metrics }: { readonly log: Log; readonly metrics: Metrics }) {
    this.#log = log;
    this.#metrics = metrics;
    metrics.gauge("skein_root_rotation_nodes_waiting", 0);
  }

  /** A node or the trust changed. */
  changed(view: ClusterView): void {
    const waiting = rotationWaitsFor(view);
    const isUnderWay = waiting !== undefined;
    if (isUnderWay || this.#isUnderWay) {
      this.#metrics.gauge("skein_root_rotation_nodes_waiting", waiting?.length ?? 0);
    }
    if (isUnderWay !== this.#isUnderWay) {
      this.#isUnderWay = isUnderWay;
      const what = isUnderWay ? "root is being replaced" : "root replaced: the old one is dropped";
      this.#log.write("info", what);
    }
    this.#tellAway(waiting ?? []);
  }

  /** Once all others are done. */
  #tellAway(waiting: readonly Node[]): void {
    const isStuck = waiting.length > 0 && waiting.every(({ status }) => status.state !== "ready");
    const away = isStuck ? waiting.map(awaitedName).join(", ") : "";
    if (away === this.#away) return;
    this.#away = away;
    if (away !== "") this.#log.write("warn", "the old root stays until they renewed", { away });
  }
}
