/** Prints docs/COMPOSE.md; with `--write`, writes it. */
import { writeFileSync } from "node:fs";
import { composePage } from "@skein/common/compose/support-page";

if (process.argv.includes("--write")) writeFileSync("docs/COMPOSE.md", composePage());
else process.stdout.write(composePage());
