import { expect } from "chai";
import * as fc from "fast-check";
import { assignment } from "./fixtures.ts";
import { expandTemplate } from "./template.ts";

const TASK = assignment("t1", { slot: 3, labels: { zone: "eu-{{.Task.Slot}}" } });

const ROWS: readonly { readonly name: string; readonly text: string; readonly expanded: string }[] =
  [
    { name: "plain text", text: "a=b", expanded: "a=b" },
    { name: "service name", text: "{{.Service.Name}}", expanded: "web" },
    { name: "service id", text: "{{.Service.ID}}", expanded: "svc1" },
    { name: "task id", text: "{{.Task.ID}}", expanded: "t1" },
    { name: "task name", text: "{{.Task.Name}}", expanded: "web.3.t1" },
    { name: "slot", text: "{{.Task.Slot}}", expanded: "3" },
    { name: "node id", text: "{{.Node.ID}}", expanded: "node1" },
    { name: "node host name", text: "{{.Node.Hostname}}", expanded: "worker-1" },
    { name: "inner space", text: "{{ .Task.Slot }}", expanded: "3" },
    {
      name: "several in one text",
      text: "x-{{.Task.Slot}}.{{.Service.Name}}!",
      expanded: "x-3.web!",
    },
    {
      name: "a label is not expanded again",
      text: "{{.Node.Labels.zone}}",
      expanded: "eu-{{.Task.Slot}}",
    },
    { name: "closing braces alone", text: "}}", expanded: "}}" },
    { name: "single braces", text: '{"a":{}}', expanded: '{"a":{}}' },
  ];

const REFUSED: readonly { readonly text: string; readonly says: string }[] = [
  { text: "{{.Service.Labels.x}}", says: 'unknown template "{{.Service.Labels.x}}"' },
  { text: "{{.Service}}", says: 'unknown template "{{.Service}}"' },
  { text: "{{}}", says: 'unknown template "{{}}"' },
  { text: "{{.constructor}}", says: "unknown template" },
  { text: '{{env "HOME"}}', says: "unknown template" },
  { text: "{{.Node.Labels.rack}}", says: 'node worker-1 has no label "rack"' },
  { text: "{{.Node.Labels.toString}}", says: 'node worker-1 has no label "toString"' },
  { text: "a {{.Task.ID", says: 'has "{{" without "}}"' },
];

describe("templates", () => {
  for (const row of ROWS) {
    it(`expand: ${row.name}`, () => {
      expect(expandTemplate(row.text, TASK)).to.deep.equal({ ok: true, value: row.expanded });
    });
  }

  for (const row of REFUSED) {
    it(`refuse ${row.text}`, () => {
      const result = expandTemplate(row.text, TASK);
      expect(result.ok ? result.value : result.error).to.include(row.says);
      expect(result.ok).to.equal(false);
    });
  }

  it("leave every text without an opening as it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes("{{"));
        expect(expandTemplate(text, TASK)).to.deep.equal({ ok: true, value: text });
      }),
    );
  });
});
