/** Our config <-> the Engine API's Config. */
import type { Config, ConfigSpec } from "@skein/common/model/config";
import { ok } from "@skein/common/result";
import { CONFIG_DATA_BYTES_MAX } from "../../limits.ts";
import type { Checked } from "../api-error.ts";
import { badRequest, invalidArgument, unsupported } from "../api-error.ts";
import { decodeGo } from "./go-decode.ts";
import { configSpecShape } from "./service-shape.ts";
import { formatWall } from "./time.ts";

export function configToEngine(config: Config): object {
  return {
    ID: config.id,
    Version: { Index: config.version },
    CreatedAt: formatWall(config.createdAt),
    UpdatedAt: formatWall(config.updatedAt),
    Spec: {
      Name: config.spec.name,
      Labels: config.spec.labels,
      ...(config.spec.data.length === 0 ? {} : { Data: toBase64(config.spec.data) }),
    },
  };
}

export interface ReadConfig {
  readonly spec: ConfigSpec;
  /** False: the client sent no value; an update then keeps the old one. */
  readonly hasData: boolean;
}

export function readConfigSpec(body: unknown): Checked<ReadConfig> {
  const decoded = decodeGo(configSpecShape, body);
  if (!decoded.ok) return badRequest(decoded.error);
  const { Name: name = "", Labels: labels = {}, Data: data, Templating } = decoded.value.value;
  if (Templating !== undefined) {
    return unsupported(
      `Cannot use config ${name}: templates (--template-driver) are not supported yet`,
    );
  }
  const bytes = fromBase64(data ?? "");
  if (bytes === undefined) {
    return badRequest(`illegal base64 data at input byte ${firstBadByte(data ?? "")}`);
  }
  return ok({ spec: { name, labels, data: bytes }, hasData: data !== undefined });
}

/** Swarm's rules for a config that is to be made. */
export function checkNewConfig(spec: ConfigSpec): Checked<ConfigSpec> {
  if (spec.name === "") return invalidArgument("name must be provided");
  if (spec.name.length > 64 || !/^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(spec.name)) {
    return invalidArgument(
      "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, " +
        "and the start and end character must be [a-zA-Z0-9]",
    );
  }
  if (spec.data.length === 0 || spec.data.length > CONFIG_DATA_BYTES_MAX) {
    return invalidArgument(
      `config data must be larger than 0 and less than ${CONFIG_DATA_BYTES_MAX} bytes`,
    );
  }
  return ok(spec);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Undefined when the text is not base64: `Buffer` alone would skip what it does not know. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, "base64"));
}

function firstBadByte(text: string): number {
  const bad = text.search(/[^A-Za-z0-9+/]/);
  return bad < 0 ? text.length : bad;
}
