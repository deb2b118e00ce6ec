/** The `Random` port from a seed, for tests that need no more of it. */
import type { Random } from "@skein/common/io/random";
import { SimRandom } from "./sim-random.ts";

export function seededRandom(seed: number): Random {
  return new SimRandom(seed);
}
