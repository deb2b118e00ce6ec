#!/usr/bin/env node
// Committed, so that npm links it before anything is built.
import { existsSync } from "node:fs";

const program = new URL("../dist/skein.mjs", import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  process.stderr.write("Cannot run skein: it is not built: npm run build\n");
  process.exitCode = 1;
}
