// Drives Skein with dockerode, unmodified: `npm install dockerode`, then
// DOCKER_HOST=unix:///…/skein.sock node dockerode.mjs
import { PassThrough } from "node:stream";
import Docker from "dockerode";

const socketPath = (process.env.DOCKER_HOST ?? "").replace("unix://", "");
const docker = new Docker({ socketPath });
const name = `dockerode-${process.pid}`;

const created = await docker.createService({
  Name: name,
  Labels: { made: "by-dockerode" },
  TaskTemplate: {
    ContainerSpec: { Image: "host", Command: ["sh", "-c", "echo hello; sleep 600"] },
  },
  Mode: { Replicated: { Replicas: 2 } },
});
const service = docker.getService(created.id);
const tasks = await running(2);
console.log(`running: ${tasks.length}`);

const { Status } = tasks[0];
const container = docker.getContainer(Status.ContainerStatus.ContainerID);
console.log(`container: ${(await container.inspect()).State.Status}`);

const exec = await container.exec({ Cmd: ["sh", "-c", "exit 3"], AttachStdout: true });
const stream = await exec.start({ hijack: true, stdin: false });
await new Promise((resolve) => stream.on("end", resolve).resume());
console.log(`exec: ${(await exec.inspect()).ExitCode}`);

const logs = await container.logs({ follow: true, stdout: true, stderr: true });
const lines = new PassThrough();
docker.modem.demuxStream(logs, lines, lines);
const line = await new Promise((resolve) => lines.once("data", resolve));
logs.destroy();
console.log(`logs: ${line.toString().trim()}`);

const { Version, Spec } = await service.inspect();
const version = Version.Index;
await service.update({ ...Spec, version, Mode: { Replicated: { Replicas: 1 } } });
console.log(`scaled: ${(await running(1)).length}`);

const listed = await docker.listServices({ filters: { label: ["made=by-dockerode"] } });
console.log(`listed: ${listed.length}`);
await service.remove();
const left = await docker.listServices({ filters: { name: [name] } });
console.log(`removed: ${left.length === 0}`);

async function running(count) {
  for (;;) {
    const filters = { service: [name], "desired-state": ["running"] };
    const found = await docker.listTasks({ filters });
    const up = found.filter((task) => task.Status.State === "running");
    if (found.length === count && up.length === count) return up;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
