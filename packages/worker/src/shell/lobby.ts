/**
 * The Engine API of a machine that is in no cluster yet: `swarm init` and `swarm join` make it a
 * node, everything of a cluster is refused with Docker's text.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { matchRoute } from "@skein/common/api/match-route";
import type { RouteName } from "@skein/common/api/routes";
import { availabilitySchema } from "@skein/common/model/node";
import type { NodeConfig } from "@skein/common/model/node-config";
import { readBody } from "@skein/common/node/http-server";
import type { Result } from "@skein/common/result";
import { decodeWith } from "@skein/common/wire/schema";
import * as v from "valibot";
import { ENTER_BODY_BYTES_MAX } from "../limits.ts";
import { answerNode, machineInfo, ping, refuse, versionOf } from "./api.ts";
import { sendJson } from "./containers/answers.ts";
import type { Home } from "./enter-cluster.ts";
import { initCluster, joinCluster } from "./enter-cluster.ts";

/** The client waits for what comes of it: an error text, or undefined when the node is up. */
export interface Entered {
  readonly config: NodeConfig;
  readonly answer: (error: string | undefined) => void;
}

const optional = v.optional(v.nullable(v.string()), "");
const initSchema = v.object({
  ListenAddr: optional,
  AdvertiseAddr: optional,
  Availability: optional,
  DefaultAddrPool: v.optional(v.nullable(v.array(v.string()))),
  ForceNewCluster: v.optional(v.nullable(v.boolean())),
  AutoLockManagers: v.optional(v.nullable(v.boolean())),
});
const joinSchema = v.object({
  ListenAddr: optional,
  AdvertiseAddr: optional,
  Availability: optional,
  RemoteAddrs: v.optional(v.nullable(v.array(v.string()))),
  JoinToken: optional,
});

const NOT_IN_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
  "this node to swarm and try again.";
const NO_SWARM = "This node is not part of a swarm";
const UNDER_WAY = "Cannot enter a swarm: another init or join is under way here";

export class Lobby {
  readonly #home: Home;
  readonly #entered: (entered: Entered) => void;
  #isEntering = false;

  constructor(home: Home, entered: (entered: Entered) => void) {
    this.#home = home;
    this.#entered = entered;
  }

  readonly handler: RequestListener = (request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, `Cannot answer the request: ${reason} (a mistake in Skein)`);
    });
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const match = matchRoute(method, url.split("?", 1)[0] ?? "/");
    if (!match.ok) return refuse(response, match.error.status, match.error.message);
    const { route, subject } = match.value;
    if (route.name === "swarm-init" || route.name === "swarm-join") {
      return this.#enter(request, response, route.name);
    }
    request.resume();
    if (route.name === "ping") return ping(request, response, "inactive");
    if (route.name === "version") return sendJson(response, 200, versionOf());
    if (route.name === "info") return sendJson(response, 200, this.#info());
    if (route.name === "skein-status") return sendJson(response, 200, { node: null, stale: true });
    if (route.name === "swarm-leave") return refuse(response, 503, NO_SWARM);
    if (route.scope === "cluster") return refuse(response, 503, NOT_IN_SWARM);
    return answerNode(response, route.name, subject);
  }

  async #enter(request: IncomingMessage, response: ServerResponse, name: RouteName): Promise<void> {
    const body = await readBody(request, ENTER_BODY_BYTES_MAX);
    if (!body.ok) return refuse(response, body.error.status, body.error.message);
    if (this.#isEntering) return refuse(response, 503, UNDER_WAY);
    this.#isEntering = true;
    const text = body.value.toString("utf8");
    const entered = name === "swarm-init" ? await this.#init(text) : await this.#join(text);
    if (!entered.ok) {
      this.#isEntering = false;
      return refuse(response, entered.error.status, entered.error.message);
    }
    const config = entered.value;
    const answer = (error: string | undefined): void => {
      this.#isEntering = false;
      // The socket's next request is the node's to answer, which listens there by now.
      response.setHeader("Connection", "close");
      if (error !== undefined) refuse(response, 500, error);
      else if (name === "swarm-init") sendJson(response, 200, config.nodeId);
      else response.writeHead(200, { "Content-Length": 0 }).end();
    };
    this.#entered({ config, answer });
  }

  async #init(text: string): Promise<Result<NodeConfig, Refused>> {
    const asked = decodeWith(initSchema, parseJson(text));
    if (!asked.ok) return refused(400, asked.error.reason);
    const { ListenAddr, AdvertiseAddr, DefaultAddrPool } = asked.value;
    const availability = availabilityOf(asked.value.Availability);
    if (availability === undefined) return refused(400, "invalid Availability");
    if (asked.value.AutoLockManagers === true) return refused(501, NO_AUTOLOCK);
    if (asked.value.ForceNewCluster === true) return refused(501, NO_FORCE);
    const made = await initCluster(this.#home, {
      listen: ListenAddr ?? "",
      advertise: AdvertiseAddr ?? "",
      availability,
      pool: DefaultAddrPool?.[0] ?? "",
    });
    return made.ok ? made : refused(400, made.error);
  }

  async #join(text: string): Promise<Result<NodeConfig, Refused>> {
    const asked = decodeWith(joinSchema, parseJson(text));
    if (!asked.ok) return refused(400, asked.error.reason);
    const { ListenAddr, AdvertiseAddr, RemoteAddrs, JoinToken } = asked.value;
    const availability = availabilityOf(asked.value.Availability);
    if (availability === undefined) return refused(400, "invalid Availability");
    const joined = await joinCluster(this.#home, {
      listen: ListenAddr ?? "",
      advertise: AdvertiseAddr ?? "",
      availability,
      remotes: RemoteAddrs ?? [],
      token: JoinToken ?? "",
    });
    return joined.ok ? joined : refused(400, joined.error);
  }

  #info(): object {
    const swarm = {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    };
    return machineInfo({
      id: "",
      name: this.#home.name,
      plane: "none",
      swarm,
      running: 0,
      ended: 0,
    });
  }
}

interface Refused {
  readonly status: number;
  readonly message: string;
}

const NO_AUTOLOCK =
  "Cannot lock the managers: autolock is not supported yet: " +
  "keep the managers' state directories on encrypted disks";
const NO_FORCE =
  "Cannot make a new cluster of an old one's state: this machine has none: leave out " +
  "--force-new-cluster";

function refused(status: number, message: string) {
  return { ok: false, error: { status, message } } as const;
}

function availabilityOf(text: string | null) {
  const decoded = v.safeParse(availabilitySchema, text === "" || text === null ? "active" : text);
  return decoded.success ? decoded.output : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
