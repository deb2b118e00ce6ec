"use strict";
/**
 * Loaded into Node programs that run as tasks on an overlay network of the loopback plane. The
 * system's resolver cannot be pointed at the node's DNS there: resolv.conf is the machine's own. So
 * `dns.lookup`, which http, net and fetch all ask, asks the node ($SKEIN_DNS) first, and the
 * system whenever the node does not know the name.
 *
 * The question comes from the task's own address, by which the node knows whose names to answer
 * with. It wants no recursion: names of the world are the system's.
 *
 * Runs in whatever Node a user has: plain syntax, no output, nothing thrown, nothing kept alive.
 */
(function install() {
  const TIMEOUT_MS = 1000;
  const server = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(process.env.SKEIN_DNS || "");
  const own = process.env.SKEIN_HOST || "";
  if (server === null || !/^\d{1,3}(\.\d{1,3}){3}$/.test(own)) return;

  let dns, net, dgram;
  try {
    dns = require("dns");
    net = require("net");
    dgram = require("dgram");
  } catch {
    return;
  }
  const original = dns.lookup;
  if (typeof original !== "function") return;

  /** Worth asking: a name, and not this very machine's. */
  function isAsked(name) {
    if (typeof name !== "string" || name === "" || name.length > 253) return false;
    return net.isIP(name) === 0 && !/(^|\.)localhost\.?$/i.test(name);
  }

  function question(id, name) {
    const labels = name.replace(/\.$/, "").split(".");
    const parts = [Buffer.from([id >> 8, id & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])];
    for (const label of labels) {
      const bytes = Buffer.from(label, "latin1");
      if (bytes.length === 0 || bytes.length > 63) return undefined;
      parts.push(Buffer.from([bytes.length]), bytes);
    }
    parts.push(Buffer.from([0, 0, 1, 0, 1]));
    return Buffer.concat(parts);
  }

  /** Past a name, whatever it is made of. */
  function pastName(bytes, from) {
    let at = from;
    while (at < bytes.length && bytes[at] !== 0) {
      if (bytes[at] >= 192) return at + 2;
      at += bytes[at] + 1;
    }
    return at + 1;
  }

  /** The IPv4 addresses of an answer; none when it says that there are none. */
  function addresses(bytes) {
    const found = [];
    if (bytes.length < 12 || (bytes[3] & 15) !== 0) return found;
    let at = pastName(bytes, 12) + 4;
    for (let left = bytes.readUInt16BE(6); left > 0; left -= 1) {
      at = pastName(bytes, at);
      if (at + 10 > bytes.length) return found;
      const type = bytes.readUInt16BE(at);
      const length = bytes.readUInt16BE(at + 8);
      at += 10;
      if (type === 1 && length === 4 && at + 4 <= bytes.length) {
        found.push(Array.prototype.join.call(bytes.subarray(at, at + 4), "."));
      }
      at += length;
    }
    return found;
  }

  /** Calls back once, with the addresses the node knows. */
  function ask(name, done) {
    const id = Math.floor(Math.random() * 65536);
    const message = question(id, name);
    if (message === undefined) return done([]);
    let socket;
    let over = false;
    function finish(found) {
      if (over) return;
      over = true;
      clearTimeout(timer);
      try {
        socket.close();
      } catch {
        // It never opened.
      }
      done(found);
    }
    const timer = setTimeout(() => finish([]), TIMEOUT_MS);
    try {
      socket = dgram.createSocket("udp4");
      socket.on("error", () => finish([]));
      socket.on("message", (bytes) => {
        if (bytes.length >= 12 && bytes.readUInt16BE(0) === id) finish(addresses(bytes));
      });
      // `exclusive`: in a cluster's worker the socket is its own.
      socket.bind({ address: own, port: 0, exclusive: true }, () => {
        socket.send(message, Number(server[2]), server[1], (error) => {
          if (error) finish([]);
        });
      });
    } catch {
      finish([]);
    }
  }

  function lookup(hostname, options, callback) {
    const last = arguments.length === 2 ? options : callback;
    const given = arguments.length === 2 ? undefined : options;
    const self = this;
    const all = Array.prototype.slice.call(arguments);
    const family = typeof given === "number" ? given : given && given.family;
    // Other families, and what is called in a way that only node itself can judge.
    const ours = typeof last === "function" && isAsked(hostname);
    if (!ours || family === 6 || family === "IPv6") return original.apply(self, all);
    ask(hostname, (found) => {
      if (found.length === 0) return original.apply(self, all);
      if (given && typeof given === "object" && given.all) {
        return last(
          null,
          found.map((address) => ({ address: address, family: 4 })),
        );
      }
      return last(null, found[0], 4);
    });
    return undefined;
  }

  function lookupPromise(hostname, options) {
    const given = typeof options === "number" ? { family: options } : options || {};
    return new Promise((resolve, reject) => {
      lookup(hostname, given, (error, address, family) => {
        if (error) reject(error);
        else resolve(given.all ? address : { address: address, family: family });
      });
    });
  }

  try {
    // `util.promisify(dns.lookup)` has a form of its own.
    const custom = require("util").promisify.custom;
    Object.defineProperty(lookup, custom, { value: lookupPromise });
    dns.lookup = lookup;
    dns.promises.lookup = lookupPromise;
    require("module").syncBuiltinESMExports();
  } catch {
    // Frozen intrinsics: the program keeps node's own.
  }
})();
