// A page with the shop's banner. It runs on without the api; /ready says whether it answers.
import { createServer, get } from "node:http";
import { config } from "./files.mjs";

const banner = config("/banner.txt");
const version = process.env.SHOP_VERSION ?? "";

const server = createServer((request, response) => {
  if (stopping) response.setHeader("Connection", "close");
  if (request.url !== "/ready") return response.end(`${banner} ${version}\n`);
  get({ host: "api", port: 4000, path: "/health" }, (answer) => {
    answer.resume();
    response.end(`the api answers ${answer.statusCode}\n`);
  }).on("error", (error) => {
    response.statusCode = 503;
    response.end(`the api does not answer: ${error.message}\n`);
  });
});
server.listen(3000, () => console.log("web listens"));

let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
  server.close();
  server.closeIdleConnections();
});
