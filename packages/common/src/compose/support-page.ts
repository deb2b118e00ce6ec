/** docs/COMPOSE.md: what becomes of every key, from the table that decides it. */
import { SERVICE_KEYS } from "./service-keys.ts";

const INTRO = `# Compose files

What \`skein stack deploy\` makes of each key of a service. Written by
\`npx tsx scripts/compose-page.ts --write\` from the table that decides it
(\`packages/common/src/compose/service-keys.ts\`); a test keeps both in step, and others deploy the
keys.

- **yes**: honoured. **limited**: honoured as the note says.
- **ignored**: accepted and reported when you deploy, because a plain process has it anyway or has
  no use for it.
- **no**: refused with the reason, because the program would run differently from what the file
  asks.

A key that nobody knows is refused with its place and the likely one; \`x-…\` keys are yours.

At the top of a file: \`name\`, \`services\`, \`networks\`, \`configs\`, \`secrets\`, \`include\`,
\`version\` (read, without meaning), \`volumes\` (reported: services mount directories). Under
\`deploy\`: \`mode\` (replicated, global, replicated-job, global-job), \`replicas\`, \`labels\`,
\`endpoint_mode\`, \`resources\`, \`restart_policy\`, \`placement\`, \`update_config\`,
\`rollback_config\`. YAML tags \`!reset\` and \`!override\`, anchors, \`<<\` and every form of
\`\${VARIABLE}\` work as the Compose specification says.
`;

export function composePage(): string {
  const rows = Object.entries(SERVICE_KEYS).map(
    ([key, { support, note }]) => `| \`${key}\` | ${support} | ${note} |`,
  );
  return `${INTRO}\n| Key | | Note |\n|---|---|---|\n${rows.join("\n")}\n`;
}
