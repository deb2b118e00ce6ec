/** Checks one TypeScript file by its syntax tree. Pure: text in, findings out. */
import ts from "typescript";
import type { Finding } from "./finding.ts";
import { checkImport } from "./imports.ts";
import {
  CORE_BANNED_GLOBALS,
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  LINE_COLUMNS_MAX,
  LONG_FILES,
  PARAMETERS_MAX,
  TEST_FILE_LINES_MAX,
} from "./rules.ts";
import type { Zone } from "./zones.ts";
import { zoneOf } from "./zones.ts";

interface Context {
  readonly path: string;
  readonly zone: Zone;
  readonly source: ts.SourceFile;
  readonly text: string;
  add(node: ts.Node, rule: string, advice: string): void;
}

export function checkFile(path: string, text: string): readonly Finding[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const findings: Finding[] = [];
  const zone = zoneOf(path);
  const add = (node: ts.Node, rule: string, advice: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    findings.push({ path, line: line + 1, rule, advice });
  };
  const context: Context = { path, zone, source, text, add };
  checkLines(path, zone, text, findings);
  if (zone === "core") checkHeader(context);
  const visit = (node: ts.Node): void => {
    checkNode(context, node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}

function checkLines(path: string, zone: Zone, text: string, findings: Finding[]): void {
  const lines = text.split("\n");
  const max = zone === "test" ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  if (lines.length - 1 > max && !LONG_FILES.has(path)) {
    const advice = `${lines.length - 1} lines, at most ${max}: split it by concept`;
    findings.push({ path, line: 1, rule: "file-length", advice });
  }
  lines.forEach((line, at) => {
    const report = (rule: string, advice: string): void => {
      findings.push({ path, line: at + 1, rule, advice });
    };
    if (line.length > LINE_COLUMNS_MAX && !/https?:\/\/|^\s*"[^"]*",?$/.test(line)) {
      report("line-length", `${line.length} columns, at most ${LINE_COLUMNS_MAX}`);
    }
    if (/\bFIX[M]E\b/.test(line)) report("unfinished", "finish it before it is merged");
  });
}

/** A comment at the top, or on the first declaration after the imports. */
function checkHeader({ source, text, add }: Context): void {
  const first = source.statements.find((statement) => !ts.isImportDeclaration(statement));
  if (/^(\/\*\*|\/\/)/.test(text.trimStart()) || first === undefined) return;
  if ((ts.getLeadingCommentRanges(text, first.getFullStart()) ?? []).length > 0) return;
  add(first, "header", "say in a comment at the top what this file is");
}

function checkNode(context: Context, node: ts.Node): void {
  checkBans(context, node);
  checkFunction(context, node);
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const specifier = node.moduleSpecifier;
    if (specifier !== undefined && ts.isStringLiteral(specifier)) {
      const advice = checkImport(context.path, specifier.text);
      if (advice !== undefined) context.add(node, "import", advice);
    }
  }
  if (context.zone === "core") checkPurity(context, node);
}

function checkBans({ add, zone }: Context, node: ts.Node): void {
  if (node.kind === ts.SyntaxKind.AnyKeyword) add(node, "any", "name the type, or use unknown");
  if (ts.isNonNullExpression(node)) add(node, "non-null", "use must(), or handle the absence");
  if (ts.isEnumDeclaration(node)) add(node, "enum", "use a union of string literals");
  if (ts.isDecorator(node)) add(node, "decorator", "call a function");
  if (ts.isExportAssignment(node)) add(node, "default-export", "export by name");
  if (ts.isParameter(node) && ts.getModifiers(node)?.length) {
    add(node, "parameter-property", "declare the field and assign it");
  }
  const named = ts.isPropertyAccessExpression(node) ? node : undefined;
  if (zone === "test" && named?.name.text === "only" && isTestCall(named.expression)) {
    add(node, "only", "remove it: the other tests would not run");
  }
}

function isTestCall(node: ts.Expression): boolean {
  return ts.isIdentifier(node) && ["describe", "it", "context"].includes(node.text);
}

function checkFunction({ add, source, zone }: Context, node: ts.Node): void {
  if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return;
  if (node.parameters.length > PARAMETERS_MAX) {
    add(node, "parameters", `${node.parameters.length}, at most ${PARAMETERS_MAX}: use an object`);
  }
  if (zone === "test" && isTestCallback(node)) return;
  const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
  const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
  const lines = last - first + 1;
  if (lines <= FUNCTION_LINES_MAX) return;
  add(node, "function-length", `${lines} lines, at most ${FUNCTION_LINES_MAX}: split it`);
}

/** The callbacks of `describe` and `it` are chapters, not functions. */
function isTestCallback(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call)) return false;
  const name = call.expression.getText();
  return /^(describe|it|context|before|after|beforeEach|afterEach)\b/.test(name);
}

function checkPurity({ add }: Context, node: ts.Node): void {
  if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) {
    add(node, "pure-core", "the core never waits: return an effect, take its outcome as an input");
  }
  if (!ts.isIdentifier(node) || !isReference(node)) return;
  if (CORE_BANNED_GLOBALS.has(node.text) && !isDeclaredHere(node)) {
    add(node, "pure-core", `${node.text} is a port: take it as an argument`);
  }
  if (node.text === "Math" && /^Math\.random\b/.test(node.parent.getText())) {
    add(node, "pure-core", "Math.random is a port: take a Random as an argument");
  }
}

/** A use of a name as a value, not a property, key, import or type member of that name. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isBindingElement(parent) ||
    ts.isParameter(parent)
  );
}

/** Shadowed by a declaration, parameter or import of this file: then it is not the global. */
function isDeclaredHere(node: ts.Identifier): boolean {
  const name = node.text;
  let found = false;
  const look = (at: ts.Node): void => {
    const declares =
      ts.isVariableDeclaration(at) ||
      ts.isParameter(at) ||
      ts.isBindingElement(at) ||
      ts.isFunctionDeclaration(at) ||
      ts.isImportSpecifier(at) ||
      ts.isInterfaceDeclaration(at);
    if (declares && at.name !== undefined && at.name.getText() === name) found = true;
    if (!found) ts.forEachChild(at, look);
  };
  look(node.getSourceFile());
  return found;
}
