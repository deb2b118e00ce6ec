/**
 * Services that share a published port: which of them answers a request, by the host and the
 * beginning of the path they ask for. The most specific rule wins: an exact host before a wildcard
 * before none; among those the longest path.
 */
import type { IngressOptions } from "@skein/common/model/ingress-options";

export interface RequestTarget {
  /** Lower case, without a port; empty when the request named none. */
  readonly host: string;
  /** Begins with "/", without a query. */
  readonly path: string;
}

interface Ruled {
  readonly options: IngressOptions;
}

export function matchRule<T extends Ruled>(
  routes: readonly T[],
  target: RequestTarget,
): T | undefined {
  let best: T | undefined;
  for (const route of routes) {
    if (!matchesHost(route.options.host, target.host)) continue;
    if (!matchesPath(route.options.path, target.path)) continue;
    if (best === undefined || isCloser(route.options, best.options)) best = route;
  }
  return best;
}

function matchesHost(rule: string | undefined, host: string): boolean {
  if (rule === undefined || rule === host) return true;
  return rule.startsWith("*.") && host.length > rule.length - 1 && host.endsWith(rule.slice(1));
}

/** "/shop" answers "/shop" and "/shop/cart", not "/shopping". */
function matchesPath(rule: string | undefined, path: string): boolean {
  if (rule === undefined || rule === path) return true;
  return path.startsWith(rule.endsWith("/") ? rule : `${rule}/`);
}

function isCloser(a: IngressOptions, b: IngressOptions): boolean {
  const [hostA, hostB] = [hostRank(a.host), hostRank(b.host)];
  if (hostA !== hostB) return hostA > hostB;
  return (a.path?.length ?? 0) > (b.path?.length ?? 0);
}

/** Longer domains are closer; every exact name is closer than every wildcard. */
function hostRank(host: string | undefined): number {
  if (host === undefined) return 0;
  return host.startsWith("*.") ? host.length : 1000 + host.length;
}
