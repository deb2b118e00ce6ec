/** /secrets: values are sealed here, before anything is proposed, and opened for workers only. */
import { secretId } from "@skein/common/ids";
import type { Secret } from "@skein/common/model/secret";
import { ok } from "@skein/common/result";
import { checkNewSecret, readSecretSpec, secretToEngine } from "../../control/engine/secret.ts";
import { CONFIG_FILTERS as SECRET_FILTERS } from "../../control/list-configs.ts";
import { listSecrets } from "../../control/list-secrets.ts";
import { parseVersion } from "../../control/query.ts";
import { resolveSecret } from "../../control/resolve.ts";
import type { SecretBox } from "../../control/stack/part.ts";
import type { Handler } from "./handler.ts";
import { alreadyRemoved, reading, write } from "./handler.ts";
import { keyringOf, secretBox } from "./keep-secret.ts";
import { empty, json, listed, replyTo } from "./reply.ts";
import { filtersOf, jsonBody, parameter } from "./request.ts";

const secretList = reading((port, request) => {
  const filters = filtersOf(request, SECRET_FILTERS);
  if (!filters.ok) return { kind: "error", error: filters.error };
  return listed(listSecrets(port.view, filters.value), secretToEngine);
});

const secretInspect = reading((port, request) =>
  replyTo(resolveSecret(port.view, request.subject), (secret) => json(secretToEngine(secret))),
);

const secretCreate: Handler = async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const read = readSecretSpec(body.value);
  if (!read.ok) return { kind: "error", error: read.error };
  const spec = checkNewSecret(read.value);
  if (!spec.ok) return { kind: "error", error: spec.error };
  const id = secretId(port.newId());
  const data = secretBox(keyringOf(port)).seal(id, spec.value.data ?? Buffer.alloc(0));
  if (!data.ok) return { kind: "error", error: unsealable(data.error) };
  const { name, labels } = spec.value;
  const written = await write(port, request, {
    command: { kind: "create-secret", secretId: id, spec: { name, labels, data: data.value } },
    operation: `creation of secret ${name}`,
  });
  return written.ok ? json({ ID: written.value.id ?? id }, 201) : written.error;
};

const secretUpdate = reading(async (port, request) => {
  const body = jsonBody(request);
  if (!body.ok) return { kind: "error", error: body.error };
  const version = parseVersion("secret", parameter(request, "version"));
  if (!version.ok) return { kind: "error", error: version.error };
  const secret = resolveSecret(port.view, request.subject);
  if (!secret.ok) return { kind: "error", error: secret.error };
  const read = readSecretSpec(body.value);
  if (!read.ok) return { kind: "error", error: read.error };
  const { name, labels } = secret.value.spec;
  const next = checkNewSecret({
    name: read.value.name === "" ? name : read.value.name,
    labels: read.value.labels ?? labels,
    data: read.value.data ?? Buffer.from("kept"),
  });
  if (!next.ok) return { kind: "error", error: next.error };
  const data = nextData(secretBox(keyringOf(port)), secret.value, read.value.data);
  if (!data.ok) return { kind: "error", error: unsealable(data.error) };
  const { id } = secret.value;
  const written = await write(port, request, {
    command: {
      kind: "update-secret",
      secretId: id,
      version: version.value,
      spec: { name: next.value.name, labels: next.value.labels, data: data.value.sealed },
      isOther: data.value.isOther,
    },
    operation: `update of secret ${name}`,
  });
  return written.ok ? empty() : written.error;
});

/** The same value again is no change: `docker stack deploy` sends it at every deployment. */
function nextData(box: SecretBox, secret: Secret, data: Buffer | undefined) {
  const old = secret.spec.data;
  if (data === undefined) return ok({ sealed: old, isOther: false });
  const same = box.holds(secret, data);
  if (same.ok && same.value) return ok({ sealed: old, isOther: false });
  const sealed = box.seal(secret.id, data);
  return sealed.ok ? ok({ sealed: sealed.value, isOther: true }) : sealed;
}

const secretRemove = reading(async (port, request) => {
  const secret = resolveSecret(port.view, request.subject);
  if (!secret.ok) {
    return alreadyRemoved(port, request) ? empty(204) : { kind: "error", error: secret.error };
  }
  const written = await write(port, request, {
    command: { kind: "remove-secret", secretId: secret.value.id },
    operation: `removal of secret ${secret.value.spec.name}`,
  });
  return written.ok ? empty(204) : written.error;
});

function unsealable(reason: string) {
  return { status: 503, code: "no-store-key", message: `Cannot keep a secret: ${reason}` };
}

export const SECRET_HANDLERS = {
  "secret-list": secretList,
  "secret-create": secretCreate,
  "secret-inspect": secretInspect,
  "secret-update": secretUpdate,
  "secret-remove": secretRemove,
} as const;
