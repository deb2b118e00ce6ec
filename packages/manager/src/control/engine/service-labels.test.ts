import { networkId } from "@skein/common/ids";
import { ok } from "@skein/common/result";
import { expect } from "chai";
import { readServiceSpec } from "./service-spec.ts";

type Change = Readonly<Record<string, unknown>>;

function read(Labels: Readonly<Record<string, string>>, change: Change = {}) {
  const ContainerSpec = { Image: "host", Args: ["server"] };
  const body = { Name: "web", Labels, TaskTemplate: { ContainerSpec }, ...change };
  return readServiceSpec(body, {
    verb: "create",
    defaultName: "unnamed",
    defaultDirectory: undefined,
    network: (reference: string) => ok(networkId(reference)),
  });
}

function refusal(labels: Readonly<Record<string, string>>, change: Change = {}): string {
  const answer = read(labels, change);
  return answer.ok ? "accepted" : answer.error.message;
}

describe("labels that say what Docker has no flag for", () => {
  it("make updates blue-green, with Swarm's settings for what is not said", () => {
    const answer = read({ "skein.update.order": "blue-green", "skein.update.standby": "2m" });
    const { update, standbyMs } = answer.ok ? answer.value.spec : {};
    expect(update).to.include({ order: "blue-green", parallelism: 1, monitorMs: 5000 });
    expect(standbyMs).to.equal(120_000);
  });

  it("keep the settings that are said beside them", () => {
    const config = { Parallelism: 3, FailureAction: "rollback", Order: "stop-first" };
    const answer = read({ "skein.update.order": "blue-green" }, { UpdateConfig: config });
    const { update } = answer.ok ? answer.value.spec : {};
    expect(update).to.include({ order: "blue-green", parallelism: 3, failureAction: "rollback" });
  });

  it("are refused by name when they say nothing sensible", () => {
    expect(refusal({ "skein.update.order": "green" })).to.equal(
      "Cannot create service web: label skein.update.order must be one of " +
        "stop-first, start-first, blue-green, not green",
    );
    expect(refusal({ "skein.update.standby": "soon" })).to.match(
      /standby must be a time as in 30s/,
    );
    expect(refusal({ "skein.update.standby": "25h" })).to.match(/must not be longer than 24h/);
  });

  it("are refused with ports of the node itself, which two sets cannot hold", () => {
    const port = { Protocol: "tcp", TargetPort: 80, PublishedPort: 80, PublishMode: "host" };
    const EndpointSpec = { Ports: [port] };
    expect(refusal({ "skein.update.order": "blue-green" }, { EndpointSpec })).to.match(
      /needs every port twice.*publish with mode=ingress/,
    );
    const UpdateConfig = { FailureAction: "pause", Order: "blue-green" };
    expect(refusal({}, { EndpointSpec, UpdateConfig })).to.match(/needs every port twice/);
    expect(refusal({}, { EndpointSpec })).to.equal("accepted");
  });

  it("have no say in rollbacks: those of a blue-green service are blue-green", () => {
    const RollbackConfig = { FailureAction: "pause", Order: "blue-green" };
    expect(refusal({}, { RollbackConfig })).to.equal("unrecognized rollback order blue-green");
  });
});
