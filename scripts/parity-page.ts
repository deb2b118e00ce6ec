/** Prints docs/SWARM-PARITY.md; with `--write`, writes it. */
import { writeFileSync } from "node:fs";
import { parityPage } from "./parity/page.ts";

if (process.argv.includes("--write")) writeFileSync("docs/SWARM-PARITY.md", parityPage());
else process.stdout.write(parityPage());
