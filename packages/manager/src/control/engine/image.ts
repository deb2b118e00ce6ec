/** Image references. One names no image: `host` (or `process`) is the node's own file system. */

/** What our own model, lists and people call it. */
export const HOST_IMAGE = "host";

const HOST_FORMS =
  /^((index\.)?docker\.io\/)?(library\/)?(host|process)(:latest)?(@sha256:[0-9a-f]{64})?$/;
const DOMAIN = /^[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9+._-]+:[0-9a-fA-F]{32,}$/;
/** Docker's own limit of a repository name. */
const REFERENCE_LENGTH_MAX = 255;

/**
 * All the ways a client may write `host`: with tag, registry, `library/` or the digest it pinned.
 */
export function isHostImage(reference: string): boolean {
  return HOST_FORMS.test(reference);
}

/** False for what Docker calls "not a valid repository/tag". */
export function isReference(reference: string): boolean {
  if (reference.length > REFERENCE_LENGTH_MAX) return false;
  const [named = "", digest, ...more] = reference.split("@");
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return false;
  const components = named.split("/");
  const last = components.pop() ?? "";
  const colon = last.indexOf(":");
  if (colon >= 0 && !TAG.test(last.slice(colon + 1))) return false;
  const first = components[0];
  // A registry's host name is told from a path by a dot, a port or "localhost", as Docker does.
  if (first !== undefined && (/[.:]/.test(first) || first === "localhost")) {
    if (!DOMAIN.test(first)) return false;
    components.shift();
  }
  return [...components, colon < 0 ? last : last.slice(0, colon)].every((part) =>
    COMPONENT.test(part),
  );
}
