import { readFileSync } from "node:fs";
import { expect } from "chai";
import { refuseUnsupported, UNSUPPORTED_FEATURES } from "./service-refusals.ts";
import type { EngineContainerSpec } from "./service-shape.ts";

const ROWS: readonly (readonly [EngineContainerSpec, string])[] = [
  [{ Mounts: [{ Type: "bind" }] }, "--mount"],
  [{ ReadOnly: true }, "--read-only"],
  [{ Hosts: ["1.2.3.4 a"] }, "--host"],
  [{ Groups: ["g"] }, "--group"],
  [{ Privileges: { CredentialSpec: { File: "x" } } }, "--credential-spec"],
  [{ Init: true }, "--init"],
  [{ TTY: true }, "--tty"],
  [{ OpenStdin: true }, "standard input"],
  [{ Sysctls: { a: "1" } }, "--sysctl"],
  [{ CapabilityAdd: ["CAP_X"] }, "--cap-add"],
  [{ CapabilityDrop: ["CAP_X"] }, "--cap-drop"],
  [{ Isolation: "hyperv" }, "--isolation"],
];

describe("flags of docker service create", () => {
  it("that are refused are on the page", () => {
    const page = readFileSync("docs/design/engine-api.md", "utf8");
    const listed = [...page.matchAll(/^- (.+) \(501\)$/gm)].map(([, feature]) => feature);
    expect(listed).to.deep.equal(UNSUPPORTED_FEATURES);
  });

  it("refuses by name what cannot apply to a plain process", () => {
    for (const [ContainerSpec, flag] of ROWS) {
      expect(refuseUnsupported({ TaskTemplate: { ContainerSpec } }), flag).to.include(flag);
    }
    const Placement = { Platforms: [{ OS: "windows" }] };
    expect(refuseUnsupported({ TaskTemplate: { Placement } })).to.include("platforms");
    expect(refuseUnsupported({ TaskTemplate: {} })).to.equal(undefined);
  });
});
