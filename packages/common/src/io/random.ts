/** Randomness as a port. Real: the system's source. Simulated: one seeded stream per node. */
export interface Random {
  /** Uniform in 0 … bound-1; bound is an integer in 1 … 2^32. */
  below(bound: number): number;
  /** A fresh id: 25 characters of [0-9a-z]. */
  id(): string;
}
