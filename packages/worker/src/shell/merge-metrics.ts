/**
 * Joins texts in the Prometheus format: a family may be announced once only, and its samples must
 * stand together.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, { readonly comments: string[]; readonly samples: string[] }>();
  for (const text of texts) {
    let current = "";
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const announced = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1];
      current = announced ?? current;
      const family = families.get(current) ?? { comments: [], samples: [] };
      families.set(current, family);
      if (!line.startsWith("#")) family.samples.push(line);
      else if (!family.comments.includes(line)) family.comments.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ comments, samples }) => [
    ...comments,
    ...samples,
  ]);
  return `${lines.join("\n")}\n`;
}
