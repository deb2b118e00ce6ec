/** Stacks through the API: what is deployed, kept, changed, taken back and refused. */
import { expect } from "chai";
import { ask } from "../support/api-client.ts";
import { FakeCluster } from "../support/fake-cluster.ts";

interface Answer {
  readonly Revision: number;
  readonly Changed: boolean;
  readonly Changes: readonly { readonly Kind: string; readonly Name: string; Action: string }[];
}

describe("stacks", () => {
  let cluster: FakeCluster;
  let socket = "";
  before(async () => {
    cluster = await FakeCluster.start();
    socket = cluster.managers[0]?.socket ?? "";
  });
  after(() => cluster.close());

  async function deploy(name: string, compose: object, more: object = {}): Promise<Answer> {
    const body = { Compose: compose, ...more };
    const answer = await ask(socket, `POST /skein/v1/stacks/${name}`, { body });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    return answer.body as Answer;
  }
  async function refusal(name: string, body: object): Promise<string> {
    const answer = await ask(socket, `POST /skein/v1/stacks/${name}`, { body });
    expect(answer.status).to.be.within(400, 501);
    return String(Reflect.get(Object(answer.body), "message"));
  }
  const actions = ({ Changes }: Answer): readonly string[] =>
    Changes.map((row) => `${row.Action} ${row.Kind} ${row.Name}`);
  const web = (more: object = {}): object => ({ image: "host", command: ["x"], ...more });

  it("are deployed as one, and deploying them again changes nothing", async () => {
    const compose = { services: { web: web({ networks: ["back"] }) }, networks: { back: {} } };
    const first = await deploy("one", compose);
    expect(first.Revision).to.equal(1);
    expect(actions(first)).to.deep.equal(["create network one_back", "create service one_web"]);
    const before = await ask(socket, "GET /services/one_web");
    const again = await deploy("one", compose);
    expect(again.Changed).to.equal(false);
    expect(actions(again)).to.deep.equal(["keep network one_back", "keep service one_web"]);
    expect((await ask(socket, "GET /services/one_web")).body).to.deep.equal(before.body);
  });

  it("are pruned of what their file no longer has", async () => {
    await deploy("two", {
      services: { web: web({ networks: ["a"] }), old: web({ networks: ["b"] }) },
      networks: { a: {}, b: {} },
    });
    const after = await deploy("two", {
      services: { web: web({ networks: ["a"] }) },
      networks: { a: {} },
    });
    expect(actions(after)).to.deep.equal([
      "keep network two_a",
      "keep service two_web",
      "remove service two_old",
      "remove network two_b",
    ]);
    expect((await ask(socket, "GET /services/two_old")).status).to.equal(404);
  });

  it("go back to a kept revision", async () => {
    await deploy("three", { services: { web: web({ command: ["a"] }) } });
    await deploy("three", { services: { web: web({ command: ["b"] }) } });
    const back = await ask(socket, "POST /skein/v1/stacks/three/rollback");
    expect(back.status).to.equal(200);
    const service = await ask(socket, "GET /services/three_web");
    expect(JSON.stringify(service.body)).to.include('"Args":["a"]');
    const stack = await ask(socket, "GET /skein/v1/stacks/three");
    const notes = (stack.body as { Revisions: { Note: string }[] }).Revisions.map((r) => r.Note);
    expect(notes).to.deep.equal(["deployed", "deployed", "rolled back to 1"]);
    const far = await ask(socket, "POST /skein/v1/stacks/three/rollback?to=9");
    expect(JSON.stringify(far.body)).to.include("no revision 9; kept are 1, 2, 3");
  });

  it("say what would be done without doing it", async () => {
    const body = { Compose: { services: { web: web() } } };
    const plan = await ask(socket, "POST /skein/v1/stacks/four?dry-run=1", { body });
    expect(actions(plan.body as Answer)).to.include("create service four_web");
    expect((await ask(socket, "GET /skein/v1/stacks/four")).status).to.equal(404);
  });

  it("touch nothing that is not theirs", async () => {
    const spec = {
      Name: "five_web",
      TaskTemplate: { ContainerSpec: { Image: "host", Command: ["x"] } },
    };
    expect((await ask(socket, "POST /services/create", { body: spec })).status).to.equal(201);
    expect(await refusal("five", { Compose: { services: { web: web() } } })).to.include(
      "service five_web is there and not the stack's",
    );
    expect((await ask(socket, "GET /networks/five_default")).status).to.equal(404);
  });

  it("are removed with all they made", async () => {
    await deploy("six", { services: { web: web() } });
    const gone = await ask(socket, "DELETE /skein/v1/stacks/six");
    expect(actions(gone.body as Answer)).to.deep.equal([
      "remove service six_web",
      "remove network six_default",
    ]);
    expect((await ask(socket, "DELETE /skein/v1/stacks/six")).status).to.equal(404);
  });

  const files = (motd: string, key: string, more: object = {}): object => ({
    Configs: { motd: Buffer.from(motd).toString("base64") },
    Secrets: { key: Buffer.from(key).toString("base64") },
    ...more,
  });
  const withFiles = {
    services: { web: web({ configs: ["motd"], secrets: [{ source: "key", target: "k" }] }) },
    configs: { motd: { file: "./motd" } },
    secrets: { key: { content: "in the file" } },
  };
  const filesOf = async (service: string): Promise<string> => {
    const { body } = await ask(socket, `GET /services/${service}`);
    const { Spec } = body as { Spec: object };
    return [...JSON.stringify(Spec).matchAll(/"(?:Config|Secret)Name":"([^"]+)"/g)]
      .map(([, name]) => name)
      .join(" ");
  };

  it("keep configs and secrets, and roll over to others under another name", async () => {
    const first = await deploy("kept", withFiles, files("hello", "s3cret"));
    expect(actions(first)).to.include.members([
      "create config kept_motd",
      "create secret kept_key",
    ]);
    const again = await deploy("kept", withFiles, files("hello", "s3cret"));
    expect(again.Changed, JSON.stringify(again)).to.equal(false);
    const other = await deploy("kept", withFiles, files("hello", "0ther"));
    expect(actions(other)).to.include.members([
      "keep config kept_motd",
      "create secret kept_key-2",
      "update service kept_web",
    ]);
    expect(await filesOf("kept_web")).to.equal("kept_key-2 kept_motd");
    await ask(socket, "POST /skein/v1/stacks/kept/rollback");
    expect(await filesOf("kept_web")).to.equal("kept_key kept_motd");
  });

  it("show no secret's value in a revision", async () => {
    const stack = await ask(socket, "GET /skein/v1/stacks/kept");
    expect(JSON.stringify(stack.body)).to.include("(kept secret)").and.not.include("in the file");
    expect((await ask(socket, "DELETE /skein/v1/stacks/kept")).status).to.equal(200);
    expect((await ask(socket, "GET /secrets")).body).to.deep.equal([]);
  });

  it("use configs and secrets that are there already", async () => {
    const compose = {
      services: { web: web({ configs: ["c"], secrets: ["s"] }) },
      configs: { c: { external: true, name: "given" } },
      secrets: { s: { external: true } },
    };
    expect(await refusal("ext", { Compose: compose })).to.match(
      /config given is external and not there: docker config create given FILE/,
    );
    const body = { Name: "given", Data: "eA==" };
    expect((await ask(socket, "POST /configs/create", { body })).status).to.equal(201);
    expect(await refusal("ext", { Compose: compose })).to.match(/docker secret create s FILE/);
    await ask(socket, "POST /secrets/create", { body: { ...body, Name: "s" } });
    await deploy("ext", compose);
    expect(await filesOf("ext_web")).to.equal("s given");
    await ask(socket, "DELETE /skein/v1/stacks/ext");
    expect((await ask(socket, "GET /secrets/s")).status).to.equal(200);
  });

  const refused: readonly (readonly [string, string, object, RegExp])[] = [
    ["a bad name", "Bad.Name", { Compose: {} }, /a name has lower-case letters/],
    ["an unknown key", "x", { Compose: {}, Compos: 1 }, /unknown key Compos/],
    ["no service", "x", { Compose: {} }, /services: there is no service to run/],
    [
      "what cannot be honoured",
      "x",
      { Compose: { services: { web: web({ privileged: true }) } } },
      /services\.web\.privileged: cannot be honoured/,
    ],
    ["an image", "x", { Compose: { services: { web: { image: "nginx" } } } }, /image nginx/],
    [
      "an external network that is not there",
      "x",
      {
        Compose: {
          services: { web: web({ networks: ["n"] }) },
          networks: { n: { external: true } },
        },
      },
      /network n is external and not there/,
    ],
    [
      "a config without contents",
      "x",
      { Compose: { services: { web: web() }, configs: { c: { file: "./c" } } } },
      /contents of config c are missing/,
    ],
  ];
  for (const [name, stack, body, reason] of refused) {
    it(`refuse ${name}`, async () => expect(await refusal(stack, body)).to.match(reason));
  }

  it("are listed, with those that another client made by label", async () => {
    const labels = { "com.docker.stack.namespace": "theirs" };
    const container = { Image: "host", Command: ["x"] };
    const spec = { Name: "theirs_web", Labels: labels, TaskTemplate: { ContainerSpec: container } };
    await ask(socket, "POST /services/create", { body: spec });
    const listed = await ask(socket, "GET /skein/v1/stacks");
    const rows = listed.body as { Name: string; Revision: number; Services: number }[];
    expect(rows.find((row) => row.Name === "theirs")).to.include({ Revision: 0, Services: 1 });
    expect(rows.find((row) => row.Name === "one")).to.include({ Revision: 1, Services: 1 });
    const gone = await ask(socket, "DELETE /skein/v1/stacks/theirs");
    expect(actions(gone.body as Answer)).to.deep.equal(["remove service theirs_web"]);
    expect((await ask(socket, "GET /services/theirs_web")).status).to.equal(404);
  });
});
