/** docs/SWARM-PARITY.md, from the table. */
import type { ParityRow } from "./table.ts";
import { PARITY } from "./table.ts";

const HEAD = `# Parity with Docker Swarm

What Swarm has on nodes, services, updates and placement, and what there is of it here. \`yes\`:
the same, by Docker's own words; \`limited\` and \`no\` say why; \`more\` says what is added. The
last column names the test that shows it, by file and title. Printed by \`npx tsx
scripts/parity-page.ts --write\` from the table in \`scripts/parity/table.ts\`; a test fails when
this page is another, or a test named here is gone or skipped.
`;

export function parityPage(): string {
  const sections = PARITY.map(({ title, rows }) =>
    [`## ${title}`, "", "| Feature | Here | Shown by |", "|---|---|---|", ...rows.map(line)].join(
      "\n",
    ),
  );
  return `${[HEAD, ...sections].join("\n").replaceAll("\n## ", "\n\n## ")}\n`.replaceAll(
    "\n\n\n",
    "\n\n",
  );
}

function line({ feature, here, file, title }: ParityRow): string {
  return `| ${feature} | ${here} | \`${file}\` ${title.replace("${order}", "blue-green")} |`;
}
