/** Small pieces of what a person reads. */

export function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** For a shell: as it is when nothing in it means anything there, else in single quotes. */
export function quote(text: string): string {
  return /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What an even number of managers is good for; undefined for an odd one, which needs no remark. */
export function evenManagers(managers: number): string | undefined {
  if (managers % 2 === 1 || managers === 0) return undefined;
  const majority = managers / 2 + 1;
  const survives = managers - majority;
  return (
    `${managers} managers: majority ${majority}, survives ${plural(survives, "failure")}, ` +
    `the same as ${managers - 1}; ${managers + 1} survive ${survives + 1}`
  );
}
