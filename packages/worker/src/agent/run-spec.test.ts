import type { ProcessSpec } from "@skein/common/model/service";
import { expect } from "chai";
import { loopbackAddress } from "./address.ts";
import type { AssignmentOptions } from "./fixtures.ts";
import { assignment } from "./fixtures.ts";
import { isHostImage } from "./image.ts";
import { buildRunSpec } from "./run-spec.ts";
import { signalName } from "./signals.ts";

const DEFAULTS = {
  env: { PATH: "/bin", HOME: "/home/a", USER: "a" },
  directory: "/srv",
  preload: "/opt/a b/listen.cjs",
};

function built(options: AssignmentOptions) {
  const result = buildRunSpec(assignment("t1", options), DEFAULTS);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe("image references", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["host", true],
    ["process", true],
    ["host:latest", true],
    ["docker.io/library/host", true],
    ["docker.io/library/host:latest", true],
    ["host@sha256:abcd", true],
    ["docker.io/library/host:latest@sha256:abcd", true],
    ["host:1.2", false],
    ["nginx", false],
    ["registry.local/host", false],
    ["hosts", false],
    ["", false],
  ];
  for (const [reference, isHost] of rows) {
    it(`${reference || "(empty)"} ${isHost ? "is" : "is not"} the host`, () => {
      expect(isHostImage(reference)).to.equal(isHost);
    });
  }
});

describe("loopback addresses", () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["10.64.0.5", "127.64.0.5"],
    ["10.127.255.255", "127.127.255.255"],
    ["10.63.0.5", undefined],
    ["10.128.0.5", undefined],
    ["11.64.0.5", undefined],
    ["10.64.0", undefined],
    ["10.64.0.256", undefined],
    ["10.64.0.05", undefined],
    ["10.64.0.5.6", undefined],
    ["web", undefined],
    ["", undefined],
  ];
  for (const [overlay, expected] of rows) {
    it(`${overlay || "(empty)"} -> ${expected ?? "refused"}`, () => {
      const result = loopbackAddress(overlay);
      expect(result.ok ? result.value : undefined).to.equal(expected);
    });
  }
});

describe("stop signals", () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["SIGTERM", "SIGTERM"],
    ["int", "SIGINT"],
    ["9", "SIGKILL"],
    ["sigquit", "SIGQUIT"],
    ["SIGNOPE", undefined],
    ["99", undefined],
    ["", undefined],
    ["toString", undefined],
  ];
  for (const [text, expected] of rows) {
    it(`${text || "(empty)"} -> ${expected ?? "refused"}`, () => {
      expect(signalName(text)).to.equal(expected);
    });
  }
});

describe("the run spec", () => {
  it("has the command first, then the arguments", () => {
    expect(built({ process: { command: ["node"], args: ["a.js", "b"] } }).argv).to.deep.equal([
      "node",
      "a.js",
      "b",
    ]);
  });

  it("gives the task what Skein tells it and nothing of the agent's beside the allowed", () => {
    expect(built({ slot: 2, address: "10.65.0.5", ports: [3000, 4000] }).env).to.deep.equal({
      PATH: "/bin",
      HOME: "/home/a",
      USER: "a",
      SKEIN_TASK_ID: "t1",
      SKEIN_SERVICE_NAME: "web",
      SKEIN_TASK_SLOT: "2",
      SKEIN_NODE_NAME: "worker-1",
      SKEIN_NODE_ID: "node1",
      HOST: "127.65.0.5",
      SKEIN_HOST: "127.65.0.5",
      PORT: "3000",
      NODE_OPTIONS: '--require "/opt/a b/listen.cjs"',
    });
  });

  it("has neither HOST nor PORT nor preload without address and port", () => {
    expect(built({}).env).to.not.have.any.keys("HOST", "PORT", "SKEIN_HOST", "NODE_OPTIONS");
  });

  const env = (lines: readonly string[], process: Partial<ProcessSpec> = {}) =>
    built({ address: "10.65.0.5", ports: [3000], process: { env: lines, ...process } }).env;

  it("lets the user's variables win", () => {
    expect(env(["PORT=1", "PATH=/x", "A=b=c"])).to.include({ PORT: "1", PATH: "/x", A: "b=c" });
  });

  it("expands templates in values", () => {
    expect(env(["N={{.Service.Name}}-{{.Task.Slot}}"])).to.include({ N: "web-1" });
  });

  it("appends the preload to the user's NODE_OPTIONS", () => {
    const options = env(["NODE_OPTIONS=--max-old-space-size=64"])["NODE_OPTIONS"];
    expect(options).to.equal('--max-old-space-size=64 --require "/opt/a b/listen.cjs"');
  });

  it("never lets go of the task id, by which processes are found", () => {
    expect(env(["SKEIN_TASK_ID=other"])).to.include({ SKEIN_TASK_ID: "t1" });
    expect(env(["SKEIN_TASK_ID"])).to.include({ SKEIN_TASK_ID: "t1" });
  });

  it("sets HOSTNAME from the expanded hostname", () => {
    expect(env([], { hostname: "w{{.Task.Slot}}" })).to.include({ HOSTNAME: "w1" });
  });

  it("leaves HOME and USER to the engine when a user is asked for", () => {
    expect(env([], { user: "nobody" })).to.not.have.any.keys("HOME", "USER");
  });

  it("starts in the node's default directory unless told otherwise", () => {
    expect(built({}).directory).to.equal("/srv");
    expect(built({ process: { directory: "/tmp" } }).directory).to.equal("/tmp");
  });

  const refused: readonly (readonly [string, AssignmentOptions, string])[] = [
    ["an image", { process: { image: "nginx" } }, "images are not supported yet"],
    ["no command", { process: { args: [] } }, "no command specified"],
    ["an empty command", { process: { args: [""] } }, "no command specified"],
    ["a signal that is none", { process: { stopSignal: "SIGNOPE" } }, "Invalid signal: SIGNOPE"],
    ["a relative directory", { process: { directory: "x" } }, "needs to be an absolute path"],
    ["a foreign subnet", { address: "172.16.0.2" }, "cannot be realised on the loopback plane"],
    ["an unknown template", { process: { env: ["A={{.X}}"] } }, 'unknown template "{{.X}}"'],
    ["a bad hostname", { process: { hostname: "{{.X}}" } }, "expanding hostname failed"],
    ["a nameless variable", { process: { env: ["=x"] } }, "invalid environment variable"],
    ["a NUL in a variable", { process: { env: ["A=\0"] } }, "invalid environment variable"],
  ];
  for (const [name, options, says] of refused) {
    it(`is refused for ${name}`, () => {
      const result = buildRunSpec(assignment("t1", options), DEFAULTS);
      expect(result.ok ? "accepted" : result.error).to.include(says);
    });
  }
});
