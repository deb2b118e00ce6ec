/**
 * What the store said last, on disk: so that a worker that starts while no manager answers knows
 * whom to dial, and what to serve until it has asked them.
 */
import { decodeJson } from "@skein/common/gossip/member-facts";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Disk, DiskError, DiskFile } from "@skein/common/io/disk";
import type { Log } from "@skein/common/io/log";
import { count, text } from "@skein/common/wire/schema";
import * as v from "valibot";
import { GOSSIP_NOTES_BYTES_MAX, GOSSIP_NOTES_MS } from "../limits.ts";

const PATH = "gossip.json";

const schema = v.object({
  owners: v.array(
    v.object({
      owner: text,
      index: count,
      values: v.array(v.strictTuple([text, text])),
    }),
  ),
});
export type GossipNotes = v.InferOutput<typeof schema>;

export interface GossipNotesPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
}

export class GossipNotesFile {
  readonly #ports: GossipNotesPorts;
  readonly #look: () => GossipNotes;
  #timer: Timer | undefined;
  #writing = false;
  #again = false;
  #closed = false;

  constructor(ports: GossipNotesPorts, look: () => GossipNotes) {
    this.#ports = ports;
    this.#look = look;
  }

  /** Notes that are missing or damaged are no notes: the leader tells everything anew. */
  read(done: (notes: GossipNotes | undefined) => void): void {
    this.#ports.disk.open(PATH, "read", (error, file) => {
      if (error !== undefined) return done(undefined);
      file.size((_, size) => {
        file.read(0, Math.min(size ?? 0, GOSSIP_NOTES_BYTES_MAX), (failed, bytes) => {
          file.close(() => undefined);
          const json = failed === undefined ? Buffer.from(bytes).toString("utf8") : "";
          done(decodeJson(schema, json));
        });
      });
    });
  }

  /** Soon: several changes are written once. */
  changed(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#ports.clock.after(GOSSIP_NOTES_MS, () => {
      this.#timer = undefined;
      this.#write();
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #write(): void {
    if (this.#closed) return;
    if (this.#writing) {
      this.#again = true;
      return;
    }
    this.#writing = true;
    const bytes = Buffer.from(JSON.stringify(this.#look()));
    const { disk } = this.#ports;
    const fresh = `${PATH}.new`;
    disk.remove(fresh, () => {
      disk.open(fresh, "create", (error, file) => {
        if (error !== undefined) return this.#wrote(error);
        this.#fill(file, bytes, () => disk.rename(fresh, PATH, (failed) => this.#wrote(failed)));
      });
    });
  }

  #fill(file: DiskFile, bytes: Uint8Array, next: () => void): void {
    file.write(0, bytes, (error) => {
      if (error !== undefined) return file.close(() => this.#wrote(error));
      file.sync((failed) =>
        file.close(() => (failed === undefined ? next() : this.#wrote(failed))),
      );
    });
  }

  #wrote(error: DiskError | undefined): void {
    this.#writing = false;
    if (error !== undefined) {
      this.#ports.log.write("warn", "cannot note what gossip knows", { error: error.message });
    }
    if (!this.#again) return;
    this.#again = false;
    this.changed();
  }
}
