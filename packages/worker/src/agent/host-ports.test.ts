import { taskId } from "@skein/common/ids";
import { instant, wallTime } from "@skein/common/time";
import { expect } from "chai";
import { assignment, NODE } from "./fixtures.ts";
import { hasHostPorts, hostRoutes } from "./host-ports.ts";
import { AgentTask } from "./task.ts";

const PORT = { protocol: "tcp", targetPort: 80, publishedPort: 8080, mode: "host" } as const;

describe("host-mode ports", () => {
  it("are served on the task's own node while it is in rotation", () => {
    const task = new AgentTask(taskId("t1"), wallTime(0));
    const base = assignment("t1", { address: "10.65.0.5" });
    task.assign({ ...base, ports: [PORT] });
    const turn = {
      now: instant(0),
      wall: wallTime(0),
      defaults: { env: {} },
      files: new Map<string, Uint8Array>(),
      emit: () => undefined,
    };
    task.found({ taskId: taskId("t1"), state: "running", pid: 7 }, turn);
    const self = { nodeId: NODE, dataAddress: "127.0.1.4:4789" };
    expect(hasHostPorts(task)).to.equal(true);
    expect(hostRoutes([task], self)).to.deep.equal([]);
    task.rotation({ inRotation: true });
    expect(hostRoutes([task], self)).to.deep.equal([
      {
        serviceId: "svc1.1",
        name: "web",
        ports: [{ publishedPort: 8080, targetPort: 80 }],
        backends: [{ taskId: "t1", ...self, address: "10.65.0.5" }],
      },
    ]);
    task.leave();
    task.advance(turn);
    expect(hostRoutes([task], self)).to.deep.equal([]);
  });
});
