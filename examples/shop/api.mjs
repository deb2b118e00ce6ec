// Answers with what it was asked for, to those who know the token.
import { createServer } from "node:http";
import { secret } from "./files.mjs";

const token = secret("token");
let done = 0;

const server = createServer((request, response) => {
  if (stopping) response.setHeader("Connection", "close");
  if (request.url === "/health") return response.end("ok\n");
  if (request.headers.authorization !== `Bearer ${token}`) {
    response.statusCode = 401;
    return response.end("wrong token\n");
  }
  if (request.method === "POST") done += 1;
  response.setHeader("Content-Type", "application/json");
  response.end(`${JSON.stringify({ task: process.env.SKEIN_TASK_SLOT, done })}\n`);
});
server.listen(4000, () => console.log("api listens"));

let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
  server.close();
  server.closeIdleConnections();
});
