// A web server as anyone writes it: one hard-coded port, nothing about Skein but the names it answers with.
// It works as an ES module and as CommonJS, so it runs wherever it is copied.
import("node:http").then(({ createServer }) => {
  const env = process.env;
  const task = env.SKEIN_SERVICE_NAME
    ? `${env.SKEIN_SERVICE_NAME}.${env.SKEIN_TASK_SLOT}`
    : "hello";

  const server = createServer((request, response) => {
    const answer = {
      service: env.SKEIN_SERVICE_NAME || "hello",
      task,
      taskId: env.SKEIN_TASK_ID || "",
      node: env.SKEIN_NODE_NAME || "",
      client: request.socket.remoteAddress,
      path: request.url,
    };
    const wantsJson = (request.headers.accept || "").includes("application/json");
    // While we stop, no client shall come back on the same connection.
    if (stopping) response.setHeader("Connection", "close");
    response.setHeader("Content-Type", wantsJson ? "application/json" : "text/plain");
    response.end(
      wantsJson
        ? `${JSON.stringify(answer)}\n`
        : `Hello from ${task} (${answer.taskId}) on ${answer.node} to ${answer.client}\n`,
    );
  });

  let stopping = false;
  process.on("SIGTERM", () => {
    stopping = true;
    // Requests under way are answered, then the process ends by itself.
    server.close();
    server.closeIdleConnections();
  });

  server.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.listen(3000, () => {
    const { address, port } = server.address();
    console.log(`${task} listens on ${address}:${port}`);
  });
});
