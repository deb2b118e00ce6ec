/** Labels that say how published ports are served, checked where a service is created. */
import { ingressOptions } from "@skein/common/model/ingress-options";
import type { Checked } from "../api-error.ts";
import { badRequest } from "../api-error.ts";

export function checkIngressLabels(
  labels: Readonly<Record<string, string>>,
  what: string,
): Checked<never> | undefined {
  const options = ingressOptions(labels);
  return options.ok ? undefined : badRequest(`${what}: ${options.error}`);
}
