/** Documents in step with the code: limits, error codes, one H1, links that lead somewhere. */
import type { Finding } from "./finding.ts";

/** Every exported limit of a package must be a row of docs/LIMITS.md, and every row a limit. */
export function checkLimits(
  limitFiles: ReadonlyMap<string, string>,
  document: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  const known = new Set<string>();
  for (const [path, text] of limitFiles) {
    text.split("\n").forEach((line, at) => {
      const name = /^export const ([A-Z0-9_]+)/.exec(line)?.[1];
      if (name === undefined) return;
      known.add(name);
      if (document.includes(`\`${name}\``)) return;
      const advice = `add ${name} to docs/LIMITS.md (npm run tidy -- --write)`;
      findings.push({ path, line: at + 1, rule: "limits", advice });
    });
  }
  document.split("\n").forEach((line, at) => {
    const name = /^\| `([A-Z0-9_]+)`/.exec(line)?.[1];
    if (name === undefined || known.has(name)) return;
    const advice = `${name} is no limit any more: remove the row`;
    findings.push({ path: "docs/LIMITS.md", line: at + 1, rule: "limits", advice });
  });
  return findings;
}

/** docs/LIMITS.md from the limit files: name, value, the comment above it. */
export function renderLimits(limitFiles: ReadonlyMap<string, string>): string {
  const parts = [
    "# Limits",
    "",
    "Everything has one. Made from the `limits.ts` of each package",
    "",
  ];
  parts[2] += " by `npm run tidy -- --write`; do not edit by hand.";
  for (const [path, text] of limitFiles) {
    parts.push(`## ${path}`, "", "| Limit | Value | Why |", "|---|---|---|");
    for (const row of limitRows(text)) parts.push(row);
    parts.push("");
  }
  return parts.join("\n");
}

function limitRows(text: string): string[] {
  const pattern = /((?:^(?:\/\*\*| \*|\/\/).*\n)+)?^export const ([A-Z0-9_]+)[^=]*=\s*([^;]+);/gm;
  return [...text.matchAll(pattern)].map(([, comment = "", name = "", value = ""]) => {
    const why = comment.replace(/^\s*(\/\*\*|\*\/|\*|\/\/)\s?/gm, "").replace(/\s*\*\/\s*/g, " ");
    const cell = (cellText: string): string =>
      cellText.replace(/\s+/g, " ").trim().replaceAll("|", "\\|");
    return `| \`${name}\` | \`${cell(value)}\` | ${cell(why)} |`;
  });
}

/** One H1, and relative links that exist. */
export function checkDocument(
  path: string,
  text: string,
  exists: (path: string) => boolean,
): readonly Finding[] {
  const findings: Finding[] = [];
  const prose = text.replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, " "));
  const headings = [...prose.matchAll(/^# /gm)].length;
  if (headings !== 1) {
    findings.push({ path, line: 1, rule: "one-title", advice: `${headings} H1 titles, not one` });
  }
  prose.split("\n").forEach((line, at) => {
    for (const [, target = ""] of line.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target) || exists(resolveFrom(path, target))) continue;
      findings.push({ path, line: at + 1, rule: "dead-link", advice: `${target} does not exist` });
    }
  });
  return findings;
}

function resolveFrom(path: string, target: string): string {
  return new URL(target, `file:///${path}`).pathname.slice(1);
}

/** Every metric that code names must be a row of docs/METRICS.md, and every row a metric. */
export function checkMetrics(
  sources: ReadonlyMap<string, string>,
  document: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  const known = new Set<string>();
  for (const [path, text] of sources) {
    text.split("\n").forEach((line, at) => {
      for (const [, name = ""] of line.matchAll(/"(skein_[a-z_]+)"/g)) {
        known.add(name);
        if (document.includes(`\`${name}\``)) continue;
        const advice = `add ${name} to docs/METRICS.md`;
        findings.push({ path, line: at + 1, rule: "metrics", advice });
      }
    });
  }
  document.split("\n").forEach((line, at) => {
    const name = /^\| `(skein_[a-z_]+)`/.exec(line)?.[1];
    if (name === undefined || known.has(name)) return;
    const advice = `${name} is no metric any more: remove the row`;
    findings.push({ path: "docs/METRICS.md", line: at + 1, rule: "metrics", advice });
  });
  return findings;
}
