// Does a piece of work every second and tells the api.
import { request } from "node:http";
import { secret } from "./files.mjs";

const authorization = `Bearer ${secret("api-token")}`;

function work() {
  const options = { host: "api", port: 4000, method: "POST", headers: { authorization } };
  request(options, (answer) => {
    answer.resume();
    console.log(`a piece of work: ${answer.statusCode}`);
  })
    .on("error", (error) => console.log(`the api does not answer: ${error.message}`))
    .end();
}
work();
setInterval(work, 1000);
