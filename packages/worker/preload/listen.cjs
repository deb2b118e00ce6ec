"use strict";
/**
 * Loaded into Node programs that run as tasks on the loopback plane (NODE_OPTIONS=--require). There
 * a task shares the machine's network and owns one address, $SKEIN_HOST. A program that listens on
 * every address, or on localhost, would collide with the next replica: this moves it to the address
 * of its own task. The port stays.
 *
 * Left alone: pipes, file descriptors, handles, other addresses, and an ephemeral port (0) of
 * localhost: it collides with nobody, and whoever asks for one means to reach it at localhost.
 *
 * Runs in whatever Node a user has, in workers, cluster children and tools such as npm: plain
 * syntax, no output, nothing thrown, nothing changed but one method (and `dns.lookup`, see
 * lookup.cjs).
 */
(function install() {
  const WILDCARD = ["", "0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"];
  const LOCALHOST = ["localhost", "127.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1"];
  const own = process.env.SKEIN_HOST;
  if (typeof own !== "string" || !/^127(\.\d{1,3}){3}$/.test(own)) return;

  try {
    require("./lookup.cjs");
  } catch {
    // Without it names are the system's alone.
  }

  let prototype;
  try {
    prototype = require("net").Server.prototype;
  } catch {
    return;
  }
  const original = prototype.listen;
  if (typeof original !== "function") return;

  /**
   * Mapped, or as they are when they are none of ours or not understood: node then says what is
   * wrong.
   */
  function mapped(args) {
    try {
      const first = args[0];
      if (typeof first === "object" && first !== null) return mappedOptions(args, first);
      return mappedPositional(args);
    } catch {
      return args;
    }
  }

  /** listen({ port, host, … }, callback) */
  function mappedOptions(args, options) {
    // Not TCP: a pipe, or a socket that exists. `in`, as node does: they may be inherited or
    // accessors.
    if (options._handle || options.handle || typeof options.fd === "number") return args;
    if (typeof options.path === "string" && !("port" in options && isPort(options.port)))
      return args;
    if (!("port" in options) || !isPort(options.port)) return args;
    if (!isOurs(options.host, options.port)) return args;
    const copy = Object.assign({}, options, { port: options.port, host: own });
    // Means something for "::" only.
    delete copy.ipv6Only;
    return [copy].concat(args.slice(1));
  }

  /** listen(port, host, backlog, callback), each optional */
  function mappedPositional(args) {
    const first = args[0];
    const bare = args.length === 0 || typeof first === "function";
    if (!bare && !isPort(first)) return args;
    const port = bare ? 0 : first;
    const host = typeof args[1] === "string" ? args[1] : undefined;
    if (!isOurs(host, port)) return args;
    const options = { port: port, host: own };
    const backlog = number(args[1]) || number(args[2]);
    if (backlog) options.backlog = backlog;
    const last = args[args.length - 1];
    return typeof last === "function" ? [options, last] : [options];
  }

  /** A port as node takes it: a number, decimal text, or nothing for an ephemeral one. */
  function isPort(value) {
    if (value === undefined || value === null) return true;
    if (typeof value === "number") return true;
    return typeof value === "string" && value.trim() !== "" && Number(value) >= 0;
  }

  function isOurs(host, port) {
    if (host === undefined || host === null) return true;
    if (typeof host !== "string") return false;
    const name = host.toLowerCase();
    if (WILDCARD.indexOf(name) !== -1) return true;
    return LOCALHOST.indexOf(name) !== -1 && Number(port || 0) !== 0;
  }

  function number(value) {
    return typeof value === "number" || typeof value === "string" ? Number(value) || 0 : 0;
  }

  function listen() {
    return original.apply(this, mapped(Array.prototype.slice.call(arguments)));
  }
  try {
    const was = Object.getOwnPropertyDescriptor(prototype, "listen");
    Object.defineProperty(listen, "length", { value: original.length });
    Object.defineProperty(prototype, "listen", Object.assign({}, was, { value: listen }));
  } catch {
    // Frozen intrinsics: the program keeps node's own method.
  }
})();
