import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { clusterId, nodeId } from "../ids.ts";
import { wallTime } from "../time.ts";
import type { Authority } from "./certificates.ts";
import { createAuthority, issueNodeCertificate } from "./certificates.ts";
import type { NodeIdentity } from "./identity.ts";
import { parseIdentity, readIdentity, subjectIdentity, writeIdentity } from "./identity.ts";

const NOW = wallTime(Date.UTC(2026, 10, 1));
const CLUSTER = clusterId("cluster0000000000000000001");
const DAY_MS = 86_400_000;

function issue(authority: Authority, id: string): Promise<NodeIdentity> {
  return issueNodeCertificate(authority, {
    nodeId: nodeId(id),
    role: "manager",
    clusterId: CLUSTER,
    addresses: ["127.0.1.1", "fe80::1", "host.example"],
    now: NOW,
  });
}

describe("certificates", function () {
  // The library is loaded and compiled here; a busy machine takes its time.
  this.timeout(30_000);
  let authority: Authority;
  let identity: NodeIdentity;
  let directory: string;
  before(async function makeCertificates() {
    // Three key pairs and their signatures: seconds on a machine that is busy.
    this.timeout(30_000);
    authority = await createAuthority({ clusterId: CLUSTER, now: NOW });
    identity = await issue(authority, "node1");
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "skein-identity-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("issues what Swarm issues: names, usages, 90 days, a P-256 key", () => {
    const certificate = new X509Certificate(identity.certificatePem);
    expect(certificate.subject.split("\n")).to.have.members([
      `O=${CLUSTER}`,
      "OU=swarm-manager",
      "CN=node1",
    ]);
    expect(certificate.keyUsage).to.have.members(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    expect(certificate.subjectAltName).to.contain("DNS:node1").and.contain("IP Address:127.0.1.1");
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).to.equal("prime256v1");
    expect(certificate.ca).to.equal(false);
    expect(certificate.checkIssued(new X509Certificate(authority.certificatePem))).to.equal(true);
    expect(Date.parse(certificate.validTo))
      .to.equal(NOW + 90 * DAY_MS)
      .and.equal(identity.notAfter);
    expect(identity.privateKeyPem).to.match(/^-----BEGIN PRIVATE KEY-----/);
  });

  it("reads back what it wrote, with closed modes", () => {
    writeIdentity(join(directory, "id"), identity);
    expect(readIdentity(join(directory, "id"))).to.deep.equal({ ok: true, value: identity });
    expect(statSync(join(directory, "id")).mode & 0o777).to.equal(0o700);
    for (const name of ["ca.crt", "node.crt", "node.key"]) {
      expect(statSync(join(directory, "id", name)).mode & 0o777).to.equal(0o600);
    }
  });

  it("is whole at every point of a renewal", async () => {
    writeIdentity(directory, identity);
    const renewed = await issue(authority, "node1");
    const old = readFileSync(join(directory, "node.key"));
    writeIdentity(directory, renewed);
    expect(readIdentity(directory)).to.deep.include({ ok: true, value: renewed });
    // As a crash leaves it after the certificate changed and before the key did.
    renameSync(join(directory, "node.key"), join(directory, "node.key.next"));
    writeFileSync(join(directory, "node.key"), old);
    expect(readIdentity(directory)).to.deep.include({ ok: true, value: renewed });
    // And before the certificate changed.
    writeFileSync(join(directory, "node.crt"), identity.certificatePem);
    expect(readIdentity(directory)).to.deep.include({ ok: true, value: identity });
  });

  it("says what is missing or wrong", async () => {
    const absent = readIdentity(join(directory, "no"));
    expect(absent).to.have.nested.property("error.code", "identity-missing");
    const other = await issue(await createAuthority({ clusterId: CLUSTER, now: NOW }), "node1");
    const rows = [
      { pems: { ...identity, privateKeyPem: other.privateKeyPem }, reason: "does not belong" },
      { pems: { ...identity, caPem: other.caPem }, reason: "not signed by" },
      { pems: { ...identity, certificatePem: "junk" }, reason: "Cannot use" },
      { pems: { ...identity, certificatePem: authority.certificatePem }, reason: "subject" },
    ];
    for (const { pems, reason } of rows) {
      const result = parseIdentity(pems);
      expect(result.ok ? "" : result.error.reason).to.contain(reason);
    }
  });
});

describe("subjectIdentity", () => {
  const good = { CN: "n", OU: "swarm-worker", O: "c" };
  it("reads our form", () => {
    expect(subjectIdentity(good)).to.deep.equal({ nodeId: "n", role: "worker", clusterId: "c" });
  });
  for (const bad of [
    { ...good, OU: "manager" },
    { ...good, OU: ["swarm-worker", "swarm-manager"] },
    { ...good, CN: ["n", "m"] },
    { ...good, CN: "" },
    { ...good, O: "a b" },
    {},
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, () => expect(subjectIdentity(bad)).to.equal(undefined));
  }
});
