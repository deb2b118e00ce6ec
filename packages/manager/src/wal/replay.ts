/**
 * From segments to the log they hold. Pure: what was read goes in, the log or the reason to refuse
 * it comes out.
 *
 * Torn or corrupt? A batch is written only after the one before is durable, and acknowledged only
 * when it is durable itself. So damage in the last batch may be a write that a crash cut short, and
 * is dropped; damage with any trace of a later batch hit something acknowledged, and is refused.
 *
 * Invariants of what is accepted:
 *   W1. Segments follow each other in number, in salt and in log position.
 *   W2. Batches are numbered from 1 without a gap, over all segments.
 *   W3. At most one unreadable segment, the last: the next one is prepared only after its
 *       predecessor's first batch is durable.
 */
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { FoundBatch } from "./batch.ts";
import { LogFold } from "./log-fold.ts";
import type { SegmentContent } from "./segment.ts";
import type { StorageError } from "./storage-error.ts";
import { corrupt } from "./storage-error.ts";

/** A segment file and what was found in it. */
export interface SegmentFile {
  readonly name: string;
  /** For messages. */
  readonly path: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly content: SegmentContent;
}

export interface ReplayedLog {
  readonly fold: LogFold;
  /** The segment that recovery must continue behind. */
  readonly tail: SegmentBody;
  /** Why the last batch written does not count, if there was such a one. */
  readonly torn: string | undefined;
}

/** A segment with a header and at least its first batch. */
export interface SegmentBody {
  readonly file: SegmentFile;
  readonly content: Extract<SegmentContent, { readonly kind: "segment" }>;
  readonly lastBatch: FoundBatch;
}

/**
 * Replays the segments, which are ordered by sequence. Undefined: nothing was ever acknowledged.
 */
export function replay(
  files: readonly SegmentFile[],
): Result<ReplayedLog | undefined, StorageError> {
  const bodies = files.map(bodyOf);
  const count = bodies.findLastIndex((body) => body !== undefined) + 1;
  const readable = bodies.slice(0, count).filter((body) => body !== undefined);
  const rest = files.slice(count);
  const tail = readable.at(-1);
  if (tail === undefined) return withoutLog(rest);
  const gap = files.slice(0, count).find((_, place) => bodies[place] === undefined);
  if (gap !== undefined) return fail(corrupt(gap.path, "it is not readable, later ones are"));
  const [leftover, more] = rest;
  if (more !== undefined)
    return fail(corrupt(more.path, "two segments before it are not readable"));
  const wrong = chainFault(readable) ?? tailFault(tail) ?? leftoverFault(leftover, tail);
  if (wrong !== undefined) return fail(wrong);
  const folded = fold(readable);
  if (!folded.ok) return folded;
  const { file, content, lastBatch } = tail;
  const torn = content.damage?.what ?? tornLeftover(leftover);
  return ok({ fold: folded.value, tail: { file, content, lastBatch }, torn });
}

function bodyOf(file: SegmentFile): SegmentBody | undefined {
  const { content } = file;
  if (content.kind !== "segment") return undefined;
  const lastBatch = content.batches.at(-1);
  return lastBatch && { file, content, lastBatch };
}

/** No segment has a batch: fine only if the very first one was never acknowledged. */
function withoutLog(files: readonly SegmentFile[]): Result<undefined, StorageError> {
  for (const { path, sequence, content } of files) {
    if (sequence !== 1) return fail(corrupt(path, "no segment of the log is readable"));
    if (newestIn(content) > 1) return fail(corrupt(path, "its first batch is damaged"));
  }
  return ok(undefined);
}

function chainFault(bodies: readonly SegmentBody[]): StorageError | undefined {
  let before: SegmentBody | undefined;
  for (const body of bodies) {
    const wrong = ownFault(body) ?? (before && linkFault(before, body));
    if (wrong !== undefined) return corrupt(body.file.path, wrong);
    before = body;
  }
  return undefined;
}

function ownFault({ file, content }: SegmentBody): string | undefined {
  const { sequence } = content.header;
  return sequence === file.sequence ? undefined : `its header says it is segment ${sequence}`;
}

function linkFault(before: SegmentBody, next: SegmentBody): string | undefined {
  const { header } = next.content;
  const { salt, sequence } = before.content.header;
  if (header.sequence !== sequence + 1) return `segment ${header.sequence - 1} is missing`;
  if (header.previousSalt !== salt) return "it continues another segment than the one before it";
  if (before.lastBatch.batch === header.firstBatch - 1) return undefined;
  const { damage } = before.content;
  const why = damage === undefined ? "" : ` (${damage.what})`;
  const must = `must end with batch ${header.firstBatch - 1}`;
  return `${before.file.name} ${must} and ends with ${before.lastBatch.batch}${why}`;
}

function tailFault({ file, content }: SegmentBody): StorageError | undefined {
  const { damage } = content;
  if (damage === undefined || damage.newest <= damage.batch) return undefined;
  return corrupt(file.path, `${damage.what}, though batch ${damage.newest} was written later`);
}

function leftoverFault(
  leftover: SegmentFile | undefined,
  tail: SegmentBody,
): StorageError | undefined {
  if (leftover === undefined) return undefined;
  const { path, sequence, content } = leftover;
  const last = tail.lastBatch.batch;
  if (sequence !== tail.file.sequence + 1) {
    return corrupt(path, `segment ${sequence - 1} is missing`);
  }
  const first = content.kind === "segment" ? content.header.firstBatch : last + 1;
  if (first > last + 1) return corrupt(tail.file.path, `batch ${first - 1} is missing`);
  const newest = newestIn(content);
  if (newest <= first) return undefined;
  return corrupt(path, `its first batch is damaged, though batch ${newest} was written later`);
}

function newestIn(content: SegmentContent): number {
  switch (content.kind) {
    case "blank":
      return 0;
    case "headless":
      return content.newest;
    default:
      return content.damage?.newest ?? 0;
  }
}

function tornLeftover(leftover: SegmentFile | undefined): string | undefined {
  if (leftover === undefined || leftover.content.kind === "blank") return undefined;
  return `the first batch of ${leftover.name} is not complete`;
}

function fold(bodies: readonly SegmentBody[]): Result<LogFold, StorageError> {
  const result = new LogFold();
  for (const { file, content } of bodies) {
    let wrong = result.beginSegment(content.header);
    for (const batch of content.batches) wrong ??= result.addBatch(batch);
    if (wrong !== undefined) return fail(corrupt(file.path, wrong));
  }
  return ok(result);
}
