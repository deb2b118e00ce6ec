/** Stop signals as Docker takes them: "SIGINT", "int", "2". */

/** Linux numbers of the signals a program may be stopped with. */
const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGWINCH: 28,
};

/** The name with `SIG`, or undefined when there is no such signal. */
export function signalName(text: string): string | undefined {
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (Object.hasOwn(NUMBERS, name)) return name;
  return Object.keys(NUMBERS).find((candidate) => String(NUMBERS[candidate]) === text);
}

/** The number of a signal named as above. */
export function signalNumber(name: string): number | undefined {
  return Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
}
