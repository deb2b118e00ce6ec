import { expect } from "chai";
import * as fc from "fast-check";
import { looksLikeHttp, parseRequestHead, parseResponseHead } from "./http-head.ts";

const request = (text: string) => parseRequestHead(Buffer.from(text, "latin1"));
const response = (text: string, method = "GET") =>
  parseResponseHead(Buffer.from(text, "latin1"), method);

describe("HTTP heads", () => {
  it("reads a request", () => {
    const text =
      "GET /a?b HTTP/1.1\r\nHost: x:80\r\nConnection: Keep-Alive, X-Hop\r\nA:  b \r\n\r\n";
    const result = request(`${text}rest`);
    expect(result.kind === "head" && result.length).to.equal(text.length);
    expect(result.kind === "head" && result.head).to.deep.include({
      method: "GET",
      target: "/a?b",
      host: "x:80",
      minor: 1,
      connection: ["keep-alive", "x-hop"],
      framing: { kind: "none" },
    });
    expect(result.kind === "head" && result.head.fields[2]).to.deep.equal({
      name: "A",
      lower: "a",
      value: "b",
    });
  });

  it("wants more until the head is whole", () => {
    const text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (let at = 0; at < text.length; at += 1) {
      expect(request(text.slice(0, at)).kind, `${at}`).to.equal("more");
    }
    expect(request(text).kind).to.equal("head");
  });

  it("takes a URL's host for the host, and its path for the target", () => {
    const result = request("GET http://b.example/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(result.kind === "head" && result.head).to.deep.include({
      target: "/p?q",
      host: "b.example",
    });
  });

  const bad: readonly (readonly [string, string, number])[] = [
    ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400],
    ["a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400],
    ["a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400],
    ["a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400],
    ["an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400],
    ["chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    [
      "gzip, chunked",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      400,
    ],
    ["two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a fragment of a field", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400],
    ["a carriage return", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400],
    ["a long target", `GET /${"x".repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ["many fields", `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(101)}\r\n`, 431],
    ["HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505],
  ];
  for (const [name, text, status] of bad) {
    it(`refuses ${name}`, () => {
      expect(request(text)).to.deep.include({ kind: "bad", status });
    });
  }

  it("knows where an answer's body ends", () => {
    const framing = (text: string, method = "GET") => {
      const result = response(text, method);
      return result.kind === "head" ? result.head.framing : result;
    };
    const ok = "HTTP/1.1 200 OK\r\n";
    expect(framing(`${ok}Content-Length: 5\r\n\r\n`)).to.deep.equal({ kind: "length", bytes: 5 });
    expect(framing(`${ok}Content-Length: 5\r\n\r\n`, "HEAD")).to.deep.equal({ kind: "none" });
    expect(framing("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n").kind).to.equal("none");
    expect(framing(`${ok}Transfer-Encoding: chunked\r\n\r\n`).kind).to.equal("chunked");
    expect(framing("HTTP/1.0 200 OK\r\n\r\n").kind).to.equal("until-close");
    expect(framing(`${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`).kind).to.equal("bad");
    expect(framing("HTTP/2 200\r\n\r\n").kind).to.equal("bad");
  });

  it("is total", () => {
    const text = fc.stringMatching(/^[GET /HTP1.\r\n:aHost]{0,60}$/);
    fc.assert(fc.property(text, (all) => void [request(all), response(all)]));
    fc.assert(fc.property(fc.uint8Array(), (all) => void parseRequestHead(Buffer.from(all))));
  });

  it("tells HTTP by its first bytes", () => {
    const looks = (text: string) => looksLikeHttp(Buffer.from(text));
    for (const text of ["GET / HTTP/1.1", "OPTIONS * HTTP", "POST http://x/"]) {
      expect(looks(text), text).to.equal(true);
    }
    for (const text of [
      "PRI * HTTP/2.0\r\n",
      "EHLO me",
      "\u0016\u0003\u0001",
      "*1\r\n$4",
      "get /",
    ]) {
      expect(looks(text), text).to.equal(false);
    }
    for (const text of ["", "GE", "GET "]) expect(looks(text), text).to.equal(undefined);
  });
});
