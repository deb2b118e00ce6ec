// The health check of the api: ends with 0 if it answers.
import { get } from "node:http";

get({ host: process.env.HOST ?? "127.0.0.1", port: 4000, path: "/health" }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
}).on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
