import { expect } from "chai";
import { compareVersions, matchRoute } from "./match-route.ts";
import { ROUTES } from "./routes.ts";

describe("match-route", () => {
  const found = [
    { name: "plain", at: "GET /services", route: "service-list", subject: "" },
    { name: "versioned", at: "GET /v1.41/services", route: "service-list", subject: "" },
    { name: "subject", at: "GET /v1.50/services/web", route: "service-inspect", subject: "web" },
    {
      name: "verb behind",
      at: "POST /services/web/update",
      route: "service-update",
      subject: "web",
    },
    { name: "literal wins", at: "POST /services/create", route: "service-create", subject: "" },
    {
      name: "slashes",
      at: "GET /distribution/a/b:1/json",
      route: "distribution",
      subject: "a/b:1",
    },
    { name: "escapes", at: "GET /images/a%2Fb/json", route: "image-inspect", subject: "a/b" },
    { name: "list, not id", at: "GET /containers/json", route: "container-list", subject: "" },
    {
      name: "named json",
      at: "GET /containers/json/json",
      route: "container-inspect",
      subject: "json",
    },
    { name: "own", at: "GET /skein/v1/status", route: "skein-status", subject: "" },
  ];
  for (const row of found) {
    it(`finds: ${row.name}`, () => {
      const [method = "", path = ""] = row.at.split(" ");
      const match = matchRoute(method, path);
      expect(match.ok && [match.value.route.name, match.value.subject]).to.deep.equal([
        row.route,
        row.subject,
      ]);
    });
  }

  const refused = [
    { at: "GET /nosuchroute", status: 404, message: "page not found" },
    { at: "PUT /v1.41/services", status: 404, message: "page not found" },
    { at: "GET /services/", status: 404, message: "page not found" },
    { at: "GET /services/a/b", status: 404, message: "page not found" },
    {
      at: "GET /v1.99/services",
      status: 400,
      message: "client version 1.99 is too new. Maximum supported API version is 1.50",
    },
    {
      at: "GET /v1.10/services",
      status: 400,
      message:
        "client version 1.10 is too old. Minimum supported API version is 1.24, " +
        "please upgrade your client to a newer version",
    },
    { at: "GET /services/%zz", status: 400, message: 'invalid URL escape in "%zz"' },
  ];
  for (const row of refused) {
    it(`refuses ${row.at}`, () => {
      const [method = "", path = ""] = row.at.split(" ");
      expect(matchRoute(method, path)).to.deep.equal({
        ok: false,
        error: { status: row.status, message: row.message },
      });
    });
  }

  it("finds every row of the table by its own path", () => {
    for (const route of ROUTES) {
      const match = matchRoute(route.method, route.path.replace(/\{\w+\}/, "x"));
      expect(match.ok && match.value.route, route.path).to.equal(route);
    }
  });

  it("compares versions by number", () => {
    expect(compareVersions("1.9", "1.41")).to.be.lessThan(0);
    expect(compareVersions("1.50", "1.50")).to.equal(0);
  });
});
