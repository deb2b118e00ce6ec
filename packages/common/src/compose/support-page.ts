/** docs/COMPOSE.md: what becomes of every key, from the table that decides it. */
import { DEPLOY_KEYS } from "./deploy-keys.ts";
import type { KeySupport } from "./service-keys.ts";
import { SERVICE_KEYS } from "./service-keys.ts";

const INTRO = `# Compose files

What \`skein stack deploy\` makes of each key of a service. Written by
\`npx tsx scripts/compose-page.ts --write\` from the tables that decide it
(\`service-keys.ts\` and \`deploy-keys.ts\` of \`packages/common/src/compose\`); a test keeps them
in step, and others deploy the keys.

- **yes**: honoured. **limited**: honoured as the note says.
- **ignored**: accepted and reported when you deploy, because a plain process has it anyway or has
  no use for it.
- **no**: refused with the reason, because the program would run differently from what the file
  asks.

A key that nobody knows is refused with its place and the likely one; \`x-…\` keys are yours.

At the top of a file: \`name\`, \`services\`, \`networks\`, \`configs\`, \`secrets\`, \`include\`,
\`version\` (read, without meaning), \`volumes\` (reported: services mount directories). Configs and
secrets are of a \`file\`, of an \`environment\` variable, their \`content\`, or \`external\`; a
\`name\` of their own and \`labels\` are honoured, drivers are refused. YAML tags \`!reset\` and
\`!override\`, anchors, \`<<\` and every form of
\`\${VARIABLE}\` work as the Compose specification says.
`;

export function composePage(): string {
  const deploy = `## deploy\n\nPaths below \`deploy\` of a service.\n\n${table(DEPLOY_KEYS)}`;
  return `${INTRO}\n## A service\n\n${table(SERVICE_KEYS)}\n${deploy}`;
}

function table(keys: Readonly<Record<string, KeySupport>>): string {
  const rows = Object.entries(keys).map(
    ([key, { support, note }]) => `| \`${key}\` | ${support} | ${note} |`,
  );
  return `| Key | | Note |\n|---|---|---|\n${rows.join("\n")}\n`;
}
