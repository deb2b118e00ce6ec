// Asks the api what was done, prints it, and ends.
import { get } from "node:http";
import { secret } from "./files.mjs";

const headers = { authorization: `Bearer ${secret("token")}` };
get({ host: "api", port: 4000, headers }, async (answer) => {
  for await (const chunk of answer) process.stdout.write(`report: ${chunk}`);
}).on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
