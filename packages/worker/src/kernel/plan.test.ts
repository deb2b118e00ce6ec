import { networkId, nodeId, serviceId, taskId } from "@skein/common/ids";
import type { ServiceRoute } from "@skein/common/model/routes";
import { expect } from "chai";
import { interfaceOf, tableOf, tunnelMac } from "./names.ts";
import type { KernelNode, KernelTask } from "./plan.ts";
import { insideTask, planKernel } from "./plan.ts";

const BACK = networkId("back");
const FRONT = networkId("front");
const SELF = nodeId("selfnode1234");
const NODE: KernelNode = {
  id: SELF,
  underlay: "192.168.77.1",
  gateway: "169.254.1.1",
  machine: new Set(["192.168.77.1", "192.168.77.9"]),
};
const TASK: KernelTask = {
  taskId: taskId("web1xxxxxxxx"),
  address: "10.65.0.2",
  networks: [{ networkId: BACK, address: "10.65.130.2" }],
};

function member(name: string, host: string, network = BACK): ServiceRoute {
  const address = `10.65.130.${name.length + 10}`;
  return {
    serviceId: serviceId(name),
    name,
    ports: [],
    backends: [
      {
        taskId: taskId(`${name}xxxxxxxxxxxx`),
        nodeId: nodeId(`${name}node12345`),
        dataAddress: `${host}:4789`,
        address: "10.65.0.3",
        networks: [{ networkId: network, address }],
      },
    ],
  };
}

const lines = (routes: readonly ServiceRoute[], tasks = [TASK]) =>
  planKernel(NODE, tasks, routes).facts.map(({ add }) => add.replace(/ metric \d+$/, ""));

describe("kernel plan", () => {
  const table = tableOf(SELF, BACK);
  const device = interfaceOf(SELF, TASK.taskId);

  it("leads a task's packets to the tables of its networks, and nowhere else (K1)", () => {
    expect(device.length).to.be.at.most(15);
    expect(lines([])).to.deep.equal([
      "addr add 169.254.1.1/32 dev lo",
      `route replace 10.65.0.2/32 dev ${device} table main`,
      `route replace 10.65.130.2/32 dev ${device} table main`,
      `route replace 10.65.130.2/32 dev ${device} table ${table}`,
      `rule add pref 20000 iif ${device} table ${table}`,
      `rule add pref 20001 iif ${device} to 10.64.0.0/10 type unreachable`,
    ]);
  });

  it("reaches tasks of other machines by the tunnel, those of this one straight", () => {
    const plan = lines([member("db", "192.168.77.2"), member("api", "192.168.77.9")]);
    const encap = "encap ip id 1 dst 192.168.77.2 ttl 64 via 192.168.77.2 dev skein0 onlink";
    expect(plan).to.include(`route replace 10.65.130.12/32 ${encap} table ${table}`);
    expect(plan).to.include(`route replace 10.65.130.12/32 ${encap} table main`);
    const neighbour = `neigh replace 192.168.77.2 lladdr ${tunnelMac("192.168.77.2")}`;
    expect(plan).to.include(`${neighbour} dev skein0 nud permanent`);
    const near = interfaceOf(nodeId("apinode12345"), taskId("apixxxxxxxxxxxx"));
    expect(plan).to.include(`route replace 10.65.130.13/32 dev ${near} table ${table}`);
    expect(plan.filter((line) => line.includes("10.65.130.13"))).to.have.length(1);
  });

  it("knows nothing of networks without a task here, and needs no tunnel for them", () => {
    const foreign = [member("db", "192.168.77.2", FRONT)];
    expect(lines(foreign)).to.deep.equal(lines([]));
    expect(planKernel(NODE, [TASK], foreign).tunnel).to.equal(false);
    expect(planKernel(NODE, [TASK], [member("db", "192.168.77.2")]).tunnel).to.equal(true);
  });

  it("gives a task an address for each network, and speaks to each from its own", () => {
    expect(insideTask(NODE, TASK, new Map([[BACK, "10.65.130.0/23"]]))).to.deep.equal([
      "link set lo up",
      "link set eth0 up",
      "addr add 10.65.0.2/32 dev eth0",
      "addr add 10.65.130.2/32 dev eth0",
      "route add 169.254.1.1 dev eth0 scope link src 10.65.0.2",
      "route add default via 169.254.1.1 src 10.65.0.2",
      "route add 10.65.130.0/23 via 169.254.1.1 src 10.65.130.2",
    ]);
  });
});
