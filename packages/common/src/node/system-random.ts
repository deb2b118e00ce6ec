/** The real source of randomness: the system's. */
import { randomInt } from "node:crypto";
import { customAlphabet } from "nanoid";
import type { Random } from "../io/random.ts";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
/** 25 of 36 characters are 129 bits: no two nodes ever mint the same id. */
const ID_LENGTH = 25;

export function systemRandom(): Random {
  return {
    below: (bound) => randomInt(bound),
    id: customAlphabet(ID_ALPHABET, ID_LENGTH),
  };
}
