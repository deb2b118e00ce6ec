/** Our secret <-> the Engine API's Secret. The value goes in and never comes out. */
import type { Secret } from "@skein/common/model/secret";
import { ok } from "@skein/common/result";
import { SECRET_DATA_BYTES_MAX } from "../../limits.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument, unsupported } from "../api-error.ts";
import { decodeGo, map, raw, struct, text } from "./go-decode.ts";
import { formatWall } from "./time.ts";

const secretSpecShape = struct("SecretSpec", {
  Name: [text, "always"],
  Labels: [map(text), "always"],
  Data: [text, "nonzero"],
  Driver: [raw, "present"],
  Templating: [raw, "present"],
});

export function secretToEngine(secret: Secret): object {
  return {
    ID: secret.id,
    Version: { Index: secret.version },
    CreatedAt: formatWall(secret.createdAt),
    UpdatedAt: formatWall(secret.updatedAt),
    Spec: { Name: secret.spec.name, Labels: secret.spec.labels },
  };
}

export interface ReadSecret {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: the client sent none. */
  readonly data: Buffer | undefined;
}

export function readSecretSpec(body: unknown): Checked<ReadSecret> {
  const decoded = decodeGo(secretSpecShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const { Name: name = "", Labels: labels = {}, Data, Driver, Templating } = decoded.value.value;
  if (Driver !== undefined) {
    const reason = "secret drivers (--driver) are not supported: managers keep secrets themselves";
    return unsupported(`Cannot use secret ${name}: ${reason}`);
  }
  if (Templating !== undefined) {
    const reason = "templates (--template-driver) are not supported yet";
    return unsupported(`Cannot use secret ${name}: ${reason}`);
  }
  if (Data !== undefined && (Data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(Data))) {
    return badRequest("illegal base64 data in Data");
  }
  const data = Data === undefined ? undefined : Buffer.from(Data, "base64");
  return ok({ name, labels, data });
}

/** Swarm's rules for a secret that is to be made. */
export function checkNewSecret({ name, labels, data }: ReadSecret): Checked<ReadSecret> {
  if (name === "") return invalidArgument("name must be provided");
  if (name.length > 64 || !/^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    return invalidArgument(
      "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, " +
        "and the start and end character must be [a-zA-Z0-9]",
    );
  }
  const size = data?.length ?? 0;
  if (size === 0 || size > SECRET_DATA_BYTES_MAX) {
    return invalidArgument(
      `secret data must be larger than 0 and less than ${SECRET_DATA_BYTES_MAX} bytes`,
    );
  }
  return ok({ name, labels, data });
}
