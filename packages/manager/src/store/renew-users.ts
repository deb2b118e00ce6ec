/**
 * A task sees one value of a secret or config for as long as it runs. So a new value makes the
 * tasks of every service that refers to it ones of an older version: the update supervisor replaces
 * them as the service's own update settings say.
 */
import type { Service } from "@skein/common/model/service";
import type { Draft } from "./draft.ts";
import { nextTraffic } from "./traffic.ts";

/** `id`: of the secret or config whose value is another now. */
export function renewUsers(draft: Draft, id: string): void {
  for (const service of draft.view.services.list()) {
    if (service.removed !== true && uses(service, id)) renew(draft, service);
  }
}

export function uses(service: Service, id: string): boolean {
  return service.spec.task.process.files?.some((file) => file.id === id) ?? false;
}

function renew(draft: Draft, service: Service): void {
  const { index } = draft.facts;
  const { updateStatus: _cleared, traffic: _held, ...kept } = service;
  const next = { ...kept, specIndex: index, taskIndex: index };
  draft.services.put({ ...next, ...nextTraffic(service, next) });
}
