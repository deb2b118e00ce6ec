/** What a number of managers is worth: said wherever somebody chooses or changes it. */

export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

export function failuresSurvived(voters: number): number {
  return voters - majorityOf(voters);
}

/** "4 managers: majority 3, survives 1 failure, the same as 3; 5 survive 2" */
export function explainManagers(managers: number): string {
  const survived = failuresSurvived(managers);
  const base =
    `${managers} ${managers === 1 ? "manager" : "managers"}: majority ${majorityOf(managers)}, ` +
    `survives ${failures(survived)}`;
  if (managers % 2 === 1) return base;
  const better = `${managers + 1} survive ${failuresSurvived(managers + 1)}`;
  return `${base}, the same as ${managers - 1}; ${better}`;
}

/** The same for an even number, which buys nothing; undefined for an odd one. */
export function evenManagers(managers: number): string | undefined {
  return managers > 0 && managers % 2 === 0 ? explainManagers(managers) : undefined;
}

function failures(count: number): string {
  if (count === 0) return "no failure";
  return count === 1 ? "1 failure" : `${count} failures`;
}
