/** The Engine API as OpenAPI, from the route table and what a survey found. */
import type { Route } from "@skein/common/api/routes";
import type { PageFacts } from "./page.ts";

export function renderOpenApi(routes: readonly Route[], facts: PageFacts, version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const what = `${route.method} ${route.path}`;
    const found = facts.survey.endpoints.find((row) => row.what === what);
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = {
      operationId: operationId(route),
      tags: [route.path.split("/")[1] ?? ""],
      ...(found === undefined ? {} : { "x-there": found.verdict }),
      ...(found === undefined || found.reason === "" ? {} : { description: found.reason }),
      parameters: [...pathParameters(route), ...queryParameters(what, facts)],
      responses: {
        default: { description: "As Docker's; an error is an object with a message." },
      },
    };
  }
  const info = { title: "Skein: Docker's Engine API", version };
  return { openapi: "3.1.0", info, servers: [{ url: `/v${version}` }, { url: "/" }], paths };
}

/** "getServicesIdLogs" */
function operationId({ method, path }: Route): string {
  return `${method.toLowerCase()}${path.replaceAll(/[^a-zA-Z]+(\w?)/g, upper)}`;
}

function upper(_match: string, letter: string): string {
  return letter.toUpperCase();
}

function pathParameters({ path }: Route): readonly object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(what: string, { parameters, limited }: PageFacts): readonly object[] {
  return (parameters[what] ?? []).map((name) => {
    const description = limited[`${what} ${name}`];
    const rest = description === undefined ? {} : { description };
    return { name, in: "query", schema: { type: "string" }, ...rest };
  });
}
