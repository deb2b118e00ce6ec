/**
 * Templates in a service's environment and hostname: `{{.Service.Name}}` and its like (swarmkit
 * template/context.go). Only plain fields are there; functions and pipelines of Go's templates are
 * left out on purpose and refused by name.
 *
 * Invariants:
 *   P1. Total: any text gives an expansion or a reason, and the reason names the field.
 *   P2. One pass: what a label's value holds is never expanded again.
 */
import { taskName } from "@skein/common/model/task";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";
import type { Assignment } from "@skein/common/wire/dispatch-messages";

const FIELDS: Readonly<Record<string, (assignment: Assignment) => string>> = {
  ".Service.ID": (assignment) => assignment.serviceId,
  ".Service.Name": (assignment) => assignment.serviceName,
  ".Task.ID": (assignment) => assignment.taskId,
  ".Task.Name": (assignment) => `${taskName(assignment)}.${assignment.taskId}`,
  ".Task.Slot": (assignment) => assignment.pinnedTo ?? String(assignment.slot),
  ".Node.ID": (assignment) => assignment.nodeId,
  ".Node.Hostname": (assignment) => assignment.nodeHostname,
};
const NODE_LABEL = ".Node.Labels.";

/** The fields a template may name, for messages and documentation. */
export const TEMPLATE_FIELDS: readonly string[] = [...Object.keys(FIELDS), `${NODE_LABEL}<name>`];

/** Expands every `{{…}}` of `text`; the error completes "expanding env failed: …". */
export function expandTemplate(text: string, assignment: Assignment): Result<string, string> {
  let expanded = "";
  let position = 0;
  for (;;) {
    const open = text.indexOf("{{", position);
    if (open < 0) return ok(expanded + text.slice(position));
    const close = text.indexOf("}}", open);
    if (close < 0) return fail(`"${text}" has "{{" without "}}"`);
    const value = fieldValue(text.slice(open + 2, close).trim(), assignment);
    if (!value.ok) return value;
    expanded += text.slice(position, open) + value.value;
    position = close + 2;
  }
}

function fieldValue(field: string, assignment: Assignment): Result<string, string> {
  if (Object.hasOwn(FIELDS, field)) {
    const read = FIELDS[field];
    if (read !== undefined) return ok(read(assignment));
  }
  if (!field.startsWith(NODE_LABEL)) {
    return fail(`unknown template "{{${field}}}", known are ${TEMPLATE_FIELDS.join(", ")}`);
  }
  const label = field.slice(NODE_LABEL.length);
  const value = Object.hasOwn(assignment.nodeLabels, label)
    ? assignment.nodeLabels[label]
    : undefined;
  if (value === undefined) {
    return fail(`"{{${field}}}": node ${assignment.nodeHostname} has no label "${label}"`);
  }
  return ok(value);
}
