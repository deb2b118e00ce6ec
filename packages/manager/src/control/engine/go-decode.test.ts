import { expect } from "chai";
import fc from "fast-check";
import { decodeGo } from "./go-decode.ts";
import { serviceSpecShape } from "./service-shape.ts";

describe("go-decode", () => {
  it("matches struct keys without regard to case, map keys exactly", () => {
    const sent = {
      NAME: "web",
      labels: { Tier: "a", tier: "b" },
      mode: { replicated: { replicas: 2 } },
    };
    const decoded = decodeGo(serviceSpecShape, sent);
    expect(decoded).to.deep.equal({
      ok: true,
      value: {
        value: {
          Name: "web",
          Labels: { Tier: "a", tier: "b" },
          TaskTemplate: { ForceUpdate: 0 },
          Mode: { Replicated: { Replicas: 2 } },
        },
        unknown: [],
      },
    });
  });

  it("prefers the exact key to a folded one", () => {
    const decoded = decodeGo(serviceSpecShape, { Name: "exact" });
    expect(decoded.ok && decoded.value.value.Name).to.equal("exact");
  });

  it("takes null, missing and zero for the same", () => {
    const bare = decodeGo(serviceSpecShape, {});
    for (const sent of [
      { Name: null, Labels: null, TaskTemplate: null, Mode: null, EndpointSpec: null },
      { Name: "", Labels: {}, TaskTemplate: { ForceUpdate: 0, ContainerSpec: null }, Mode: {} },
    ]) {
      expect(decodeGo(serviceSpecShape, sent)).to.deep.equal(bare);
    }
  });

  it("keeps pointers that differ from absence", () => {
    const sent = {
      TaskTemplate: { ContainerSpec: { Init: false } },
      Mode: { Replicated: { Replicas: 0 } },
    };
    const decoded = decodeGo(serviceSpecShape, sent);
    expect(decoded.ok && decoded.value.value.TaskTemplate?.ContainerSpec).to.deep.equal({
      Init: false,
    });
    expect(decoded.ok && decoded.value.value.Mode).to.deep.equal({ Replicated: { Replicas: 0 } });
  });

  it("names unknown keys, at every depth, in bounds", () => {
    const sent = { Foo: 1, TaskTemplate: { ContainerSpec: { Image: "host", Bar: 2 } } };
    const decoded = decodeGo(serviceSpecShape, sent);
    expect(decoded.ok && decoded.value.unknown).to.deep.equal([
      "Foo",
      "TaskTemplate.ContainerSpec.Bar",
    ]);
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`K${index}`, 1]));
    const bounded = decodeGo(serviceSpecShape, many);
    expect(bounded.ok && bounded.value.unknown).to.have.length(20);
  });

  const refused = [
    {
      sent: { Name: 5 },
      what: "number",
      field: "Name",
      type: "string",
    },
    {
      sent: { Labels: { a: 1 } },
      what: "number",
      field: "Labels",
      type: "string",
    },
    {
      sent: { Labels: [] },
      what: "array",
      field: "Labels",
      type: "map[string]string",
    },
    {
      sent: { TaskTemplate: "x" },
      what: "string",
      field: "TaskTemplate",
      type: "swarm.TaskSpec",
    },
    {
      sent: { Mode: { Replicated: { Replicas: -1 } } },
      what: "number -1",
      field: "Mode.Replicated.Replicas",
      type: "uint64",
    },
    {
      sent: { Mode: { Replicated: { Replicas: 1.5 } } },
      what: "number 1.5",
      field: "Mode.Replicated.Replicas",
      type: "uint64",
    },
    {
      sent: { TaskTemplate: { ContainerSpec: { Args: "ls" } } },
      what: "string",
      field: "TaskTemplate.ContainerSpec.Args",
      type: "[]string",
    },
  ];
  for (const { sent, what, field, type } of refused) {
    it(`refuses ${JSON.stringify(sent)}`, () => {
      const where = `Go struct field ServiceSpec.${field}`;
      const error = `json: cannot unmarshal ${what} into ${where} of type ${type}`;
      expect(decodeGo(serviceSpecShape, sent)).to.deep.equal({ ok: false, error });
    });
  }

  it("refuses what is no object at all", () => {
    const error = "json: cannot unmarshal array into Go value of type swarm.ServiceSpec";
    expect(decodeGo(serviceSpecShape, [])).to.deep.equal({ ok: false, error });
  });

  it("keeps a key __proto__ a key", () => {
    const decoded = decodeGo(serviceSpecShape, JSON.parse('{"Labels":{"__proto__":"x"}}'));
    expect(decoded.ok && Object.keys(decoded.value.value.Labels ?? {})).to.deep.equal([
      "__proto__",
    ]);
  });

  it("is total, and stable on its own result (G1, G2)", () => {
    const keys = fc.constantFrom(
      "Name",
      "name",
      "Labels",
      "TaskTemplate",
      "ContainerSpec",
      "Mode",
      "x",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, 0, 1, "", "a", true, false),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(keys, tie("tree")),
      ),
    }));
    fc.assert(
      fc.property(tree, (sent) => {
        const once = decodeGo(serviceSpecShape, sent);
        if (!once.ok) return;
        const twice = decodeGo(serviceSpecShape, JSON.parse(JSON.stringify(once.value.value)));
        expect(twice.ok && twice.value.value).to.deep.equal(once.value.value);
      }),
    );
  });
});
