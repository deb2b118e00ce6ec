import { expect } from "chai";
import type { AccessRecord } from "./access-log.ts";
import { combinedLine, jsonLine } from "./access-log.ts";

const RECORD: AccessRecord = {
  at: Date.UTC(2024, 1, 29, 23, 59, 58, 7),
  client: "192.0.2.7",
  method: "GET",
  target: "/a?b=c",
  minor: 1,
  host: "shop.example",
  fields: [{ name: "User-Agent", lower: "user-agent", value: 'x" \\ \u00e9' }],
  status: 200,
  bytes: 123,
  service: "web",
  task: "t1",
  durationMs: 1.26,
  retries: 0,
};

describe("access log", () => {
  it("writes NCSA's combined format, with what a client sent escaped", () => {
    expect(combinedLine(RECORD)).to.equal(
      '192.0.2.7 - - [29/Feb/2024:23:59:58 +0000] "GET /a?b=c HTTP/1.1" 200 123 ' +
        '"-" "x\\" \\\\ \\xe9" t1 1.3ms\n',
    );
  });

  it("writes JSON", () => {
    expect(JSON.parse(jsonLine(RECORD))).to.deep.include({
      time: "2024-02-29T23:59:58.007Z",
      client: "192.0.2.7",
      status: 200,
      service: "web",
      task: "t1",
      durationMs: 1.3,
      protocol: "HTTP/1.1",
      referer: "-",
    });
  });

  it("has the calendar right", () => {
    for (let at = 0; at < 4e12; at += 86_400_000 * 17.3) {
      const line = jsonLine({ ...RECORD, at: Math.floor(at) });
      expect(JSON.parse(line).time).to.equal(new Date(Math.floor(at)).toISOString());
    }
  });
});
