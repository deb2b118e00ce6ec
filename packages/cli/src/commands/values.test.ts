import { expect } from "chai";
import * as fc from "fast-check";
import { byteSize, cpus, duration, keyAndValue, publish, ratio, wholeNumber } from "./values.ts";

interface Row {
  readonly name: string;
  readonly read: (text: string) => unknown;
  readonly good: readonly (readonly [string, unknown])[];
  readonly bad: readonly string[];
}

const tcp = { Protocol: "tcp", PublishMode: "ingress" };

const ROWS: readonly Row[] = [
  {
    name: "whole number",
    read: wholeNumber,
    good: [
      ["0", 0],
      ["007", 7],
      ["999999999", 999_999_999],
    ],
    bad: ["", "-1", "1.5", "1e3", "0x10", " 1", "9999999999", "three"],
  },
  {
    name: "duration",
    read: duration,
    good: [
      ["10s", 10_000],
      ["1m30s", 90_000],
      ["500ms", 500],
      ["1.5h", 5_400_000],
      ["0s", 0],
    ],
    bad: ["", "10", "s", "10 s", "1d", "10s!", "-1s", "ms"],
  },
  {
    name: "size",
    read: byteSize,
    good: [
      ["1024", 1024],
      ["512m", 512 * 1024 ** 2],
      ["1.5G", 1.5 * 1024 ** 3],
      ["2KiB", 2048],
    ],
    bad: ["", "m", "1x", "-1m", "1 2m"],
  },
  {
    name: "CPUs",
    read: cpus,
    good: [
      ["0.5", 500_000_000],
      ["2", 2_000_000_000],
    ],
    bad: ["", "half", ".5", "-1", "1e3"],
  },
  { name: "ratio", read: ratio, good: [["0.2", 0.2]], bad: ["", "2", "-0.1", "many"] },
  {
    name: "published port",
    read: (text) => publish(text),
    good: [
      ["8080:3000", [{ TargetPort: 3000, ...tcp, PublishedPort: 8080 }]],
      ["3000", [{ TargetPort: 3000, ...tcp }]],
      ["53:53/udp", [{ TargetPort: 53, ...tcp, Protocol: "udp", PublishedPort: 53 }]],
      ["published=80,target=8000", [{ TargetPort: 8000, ...tcp, PublishedPort: 80 }]],
      ["target=80,mode=host", [{ TargetPort: 80, ...tcp, PublishMode: "host" }]],
    ],
    bad: ["", "0:80", "80:0", "65536", "80:", "a:b", "1:2:3", "published=80", "target=80,foo=1"],
  },
];

describe("values of flags", () => {
  for (const { name, read, good, bad } of ROWS) {
    for (const [text, value] of good) {
      it(`${name}: ${text}`, () => expect(read(text)).to.deep.equal(value));
    }
    for (const text of bad) {
      it(`${name}: refuses ${JSON.stringify(text)}`, () => expect(() => read(text)).to.throw());
    }
  }

  it("adds published ports to those before", () => {
    expect(publish("81:80", publish("80:80"))).to.have.length(2);
  });

  it("splits at the first equals sign only", () => {
    expect(keyAndValue("URL=a=b")).to.deep.equal(["URL", "a=b"]);
    expect(keyAndValue("BARE")).to.deep.equal(["BARE", ""]);
  });

  it("reads any duration it could have printed", () => {
    const parts = fc.tuple(fc.nat(99), fc.nat(59), fc.nat(59), fc.nat(999));
    fc.assert(
      fc.property(parts, ([h, m, s, ms]) => {
        const sum = ((h * 60 + m) * 60 + s) * 1000 + ms;
        expect(duration(`${h}h${m}m${s}s${ms}ms`)).to.equal(sum);
      }),
    );
  });
});
