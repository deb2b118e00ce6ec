/**
 * `profiles`: services that are only there when asked for.
 *
 * Source: Compose specification, "Profiles". A service without profiles is always there; a service
 * that is there and needs one that is not is an error, not a silent start of it.
 */
import type { Tree } from "./tree.ts";
import { isList, isMap, mapAt, scalarText } from "./tree.ts";

/** `*` among the active ones means all. */
export function withProfiles(tree: Tree, active: readonly string[]): Tree {
  if (!isMap(tree)) return tree;
  const all = active.includes("*");
  const services = Object.entries(mapAt(tree, "services")).filter(([, service]) => {
    const profiles = isMap(service) ? service["profiles"] : undefined;
    if (!isList(profiles) || profiles.length === 0 || all) return true;
    return profiles.some((profile) => active.includes(scalarText(profile) ?? ""));
  });
  if (!Object.hasOwn(tree, "services")) return tree;
  return { ...tree, services: Object.fromEntries(services) };
}
