/**
 * Keeps this node's certificate valid and of the right role: renews it at a moment drawn between 50
 * and 80 % of its life, when the role changes, and when another root signs. The files are this
 * process's; the data-plane thread and a manager process read them again.
 */
import { X509Certificate } from "node:crypto";
import type { Clock, Timer } from "@skein/common/io/clock";
import type { Log } from "@skein/common/io/log";
import type { Metrics } from "@skein/common/io/metrics";
import type { Random } from "@skein/common/io/random";
import type { NodeTls } from "@skein/common/model/node";
import { renew } from "@skein/common/node/ca-client";
import type { IdentityPems, NodeIdentity } from "@skein/common/node/identity";
import { parseIdentity, writeIdentity } from "@skein/common/node/identity";
import { nodeTls } from "@skein/common/node/node-tls";
import { removeStoreKey, storeKeyFromJson, writeStoreKey } from "@skein/common/node/store-key";
import type { Issued } from "@skein/common/wire/ca-messages";
import type { TrustNotice } from "@skein/common/wire/dispatch-messages";
import {
  RENEW_LOOK_MS,
  RENEW_RETRY_MS_MAX,
  RENEW_RETRY_MS_MIN,
  RENEW_SPREAD_MS,
} from "../limits.ts";

export interface IdentityKeeperOptions {
  readonly directory: string;
  readonly identity: NodeIdentity;
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly managers: () => readonly string[];
  /** The files have changed: use them. `isOther`: a session with the old one is out of date. */
  readonly changed: (identity: NodeIdentity, isOther: boolean) => void;
}

export class IdentityKeeper {
  readonly #options: IdentityKeeperOptions;
  #identity: NodeIdentity;
  #renewAt: number;
  #timer: Timer | undefined;
  #isRenewing = false;
  #failures = 0;
  #closed = false;

  constructor(options: IdentityKeeperOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#renewAt = this.#drawn();
    this.#arm();
  }

  /** What the leader says: the roots are taken over at once, a renewal follows where it is due. */
  told(notice: TrustNotice): void {
    if (notice.roots !== this.#identity.caPem) this.#trust(notice.roots);
    const isOtherRole = notice.role !== this.#identity.role;
    if (!isOtherRole && isSignedBy(this.#identity.certificatePem, notice.signer)) return;
    const { clock, random } = this.#options;
    this.#renewAt = clock.wall() + (isOtherRole ? 0 : random.below(RENEW_SPREAD_MS));
    this.#arm();
  }

  /** Of the certificate that the node shows now. */
  tls(): NodeTls {
    return nodeTls(this.#identity);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #trust(roots: string): void {
    const { certificatePem, privateKeyPem } = this.#identity;
    // Roots that do not vouch for our own certificate would shut us out: renew first, then.
    if (this.#take({ caPem: roots, certificatePem, privateKeyPem })) this.#tell(false);
  }

  #drawn(): number {
    const { notBefore, notAfter } = this.#identity;
    const life = notAfter - notBefore;
    return notBefore + life / 2 + this.#options.random.below(Math.max(1, Math.floor(life * 0.3)));
  }

  #arm(): void {
    if (this.#closed || this.#isRenewing) return;
    this.#timer?.cancel();
    const { clock } = this.#options;
    const wait = Math.min(RENEW_LOOK_MS, Math.max(0, this.#renewAt - clock.wall()));
    this.#timer = clock.after(wait, () => {
      if (clock.wall() < this.#renewAt) this.#arm();
      else void this.#renew();
    });
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    const reason = await this.#askAll();
    this.#isRenewing = false;
    if (this.#closed) return;
    const { clock, log, metrics } = this.#options;
    metrics.count("skein_identity_renewals_total", 1, {
      result: reason === undefined ? "ok" : "failed",
    });
    if (reason === undefined) {
      this.#failures = 0;
      this.#renewAt = this.#drawn();
    } else {
      const pause = Math.min(RENEW_RETRY_MS_MAX, RENEW_RETRY_MS_MIN * 2 ** this.#failures);
      this.#failures += 1;
      this.#renewAt = clock.wall() + pause;
      log.write("warn", "certificate not renewed", { reason, againInMs: pause });
    }
    this.#arm();
  }

  /** Undefined: renewed; else why no manager did it. */
  async #askAll(): Promise<string | undefined> {
    const { managers, address } = this.#options;
    let reason = "no manager is known";
    for (const manager of managers()) {
      const renewed = await renew(this.#identity, manager, [address]);
      if (this.#closed) return "closed";
      if (renewed.ok) {
        this.#keepKey(renewed.value.issued);
        if (!this.#take(renewed.value.identity)) return "the new certificate is damaged";
        this.#tell(true);
        return undefined;
      }
      reason = renewed.error.message;
    }
    return reason;
  }

  #keepKey({ role, storeKey }: Issued): void {
    const { directory } = this.#options;
    const key = storeKey === undefined ? undefined : storeKeyFromJson(storeKey);
    if (key?.ok === true) writeStoreKey(directory, key.value);
    if (role === "worker") removeStoreKey(directory);
  }

  #take(pems: IdentityPems): boolean {
    const identity = parseIdentity(pems);
    if (!identity.ok) return false;
    writeIdentity(this.#options.directory, pems);
    this.#identity = identity.value;
    return true;
  }

  #tell(isOther: boolean): void {
    const { log, changed } = this.#options;
    const { role, notAfter } = this.#identity;
    log.write("info", "identity renewed", { role, until: new Date(notAfter).toISOString() });
    changed(this.#identity, isOther);
  }
}

function isSignedBy(certificatePem: string, rootPem: string): boolean {
  try {
    return new X509Certificate(certificatePem).verify(new X509Certificate(rootPem).publicKey);
  } catch {
    return true; // A root that cannot be read is no reason to renew.
  }
}
