// Says how busy its node is.
import { loadavg } from "node:os";

const say = () => console.log(`${process.env.SKEIN_NODE_NAME} load ${loadavg()[0]}`);
say();
setInterval(say, 10_000);
