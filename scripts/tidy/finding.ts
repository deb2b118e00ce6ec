/** One finding a line: `path:line: rule: what to do`. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly advice: string;
}

export function printFinding(finding: Finding): string {
  return `${finding.path}:${finding.line}: ${finding.rule}: ${finding.advice}`;
}
