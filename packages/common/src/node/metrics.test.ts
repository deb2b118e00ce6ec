import { expect } from "chai";
import fc from "fast-check";
import { METRIC_SERIES_MAX } from "../limits.ts";
import { createMetrics, joinMetricsTexts } from "./metrics.ts";
import { addProcessMetrics } from "./process-metrics.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An independent reader of the exposition format; throws on what the format does not allow. */
function parse(text: string): { readonly types: Map<string, string>; readonly samples: Sample[] } {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const finished = new Set<string>();
  let family = "";
  if (text !== "" && !text.endsWith("\n")) throw new Error("no final newline");
  for (const line of text.split("\n").slice(0, -1)) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      if (types.has(type[1] ?? "")) throw new Error(`second TYPE of ${type[1]}`);
      finished.add(family);
      family = type[1] ?? "";
      types.set(family, type[2] ?? "");
      continue;
    }
    if (/^# HELP \S+ /.test(line)) continue;
    const sample = parseSample(line);
    const base = sample.name.replace(/_(bucket|sum|count)$/, "");
    if (![sample.name, base].includes(family)) throw new Error(`${line} outside its family`);
    if (finished.has(family)) throw new Error(`${family} is in two pieces`);
    samples.push(sample);
  }
  return { types, samples };
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no name: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,?)/.exec(rest);
      if (label === null) throw new Error(`bad label: ${line}`);
      const raw = label[2] ?? "";
      labels[label[1] ?? ""] = raw.replace(/\\(.)/g, (_all, c: string) => (c === "n" ? "\n" : c));
      rest = rest.slice(label[0].length);
    }
    rest = rest.slice(1);
  }
  const value = /^ ([0-9.e+-]+|[+-]Inf|NaN)$/.exec(rest)?.[1];
  if (value === undefined) throw new Error(`bad value: ${line}`);
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

describe("createMetrics", () => {
  it("writes counters, gauges and histograms in seconds", () => {
    const metrics = createMetrics({ help: { a_total: "Counts\nthings." }, labels: { node: "n1" } });
    metrics.count("a_total");
    metrics.count("a_total", 2, { kind: 'x"\\\n' });
    metrics.gauge("b", -1.5);
    metrics.observeMs("c_seconds", 3);
    metrics.observeMs("c_seconds", 40_000);
    const { types, samples } = parse(metrics.text());
    expect([...types]).to.deep.equal([
      ["a_total", "counter"],
      ["b", "gauge"],
      ["c_seconds", "histogram"],
    ]);
    const value = (name: string, labels: Record<string, string> = {}) =>
      samples.find(
        (s) =>
          s.name === name && JSON.stringify(s.labels) === JSON.stringify({ node: "n1", ...labels }),
      )?.value;
    expect(value("a_total")).to.equal(1);
    expect(value("a_total", { kind: 'x"\\\n' })).to.equal(2);
    expect(value("b")).to.equal(-1.5);
    expect(value("c_seconds_bucket", { le: "0.0025" })).to.equal(0);
    expect(value("c_seconds_bucket", { le: "0.005" })).to.equal(1);
    expect(value("c_seconds_bucket", { le: "30" })).to.equal(1);
    expect(value("c_seconds_bucket", { le: "+Inf" })).to.equal(2);
    expect(value("c_seconds_sum")).to.equal(40.003);
    expect(value("c_seconds_count")).to.equal(2);
  });

  it("keeps the format and its histograms monotonic whatever it is fed", () => {
    const name = fc.constantFrom("a", "b_total", "c_seconds", "0bad", "", "with space");
    const labels = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true });
    const op = fc.record({
      kind: fc.constantFrom("count" as const, "gauge" as const, "observeMs" as const),
      name,
      value: fc.double(),
      labels,
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        const metrics = createMetrics();
        for (const { kind, ...call } of ops) metrics[kind](call.name, call.value, call.labels);
        const { samples } = parse(metrics.text());
        let last: Sample | undefined;
        for (const sample of samples) {
          const follows = last?.name === sample.name && sample.name.endsWith("_bucket");
          if (follows && sample.labels["le"] !== "0.00005") {
            expect(sample.value).to.be.at.least(last?.value ?? 0);
          }
          last = sample;
        }
      }),
    );
  });

  it("bounds the series of a metric and says what it dropped", () => {
    const metrics = createMetrics();
    for (let id = 0; id < METRIC_SERIES_MAX + 7; id += 1) {
      metrics.count("by_id_total", 1, { id: String(id) });
    }
    metrics.gauge("by_id_total", 1);
    const { samples } = parse(metrics.text());
    expect(samples.filter((s) => s.name === "by_id_total")).to.have.length(METRIC_SERIES_MAX);
    const dropped = samples.filter((s) => s.name === "skein_metrics_dropped_total");
    expect(dropped.map((s) => [s.labels["reason"], s.value])).to.deep.equal([
      ["series-full", 7],
      ["type", 1],
    ]);
  });

  it("reads the process when it is scraped", () => {
    const metrics = createMetrics();
    addProcessMetrics(metrics);
    metrics.text();
    const { samples } = parse(metrics.text());
    const value = (name: string) => samples.find((s) => s.name === name)?.value ?? 0;
    expect(value("process_resident_memory_bytes")).to.be.above(10_000_000);
    expect(value("process_open_fds")).to.be.above(2);
    const cpu = process.cpuUsage();
    const total = (cpu.user + cpu.system) / 1_000_000;
    expect(value("process_cpu_seconds_total")).to.be.within(total * 0.5, total);
  });
});

describe("joinMetricsTexts", () => {
  it("keeps each family in one piece", () => {
    const texts = ["worker", "dataplane"].map((thread) => {
      const metrics = createMetrics({ labels: { thread } });
      metrics.count("a_total");
      metrics.observeMs("b_seconds", 1);
      return metrics.text();
    });
    const { samples, types } = parse(joinMetricsTexts(texts));
    expect(types.size).to.equal(2);
    expect(
      samples.filter((s) => s.name === "a_total").map((s) => s.labels["thread"]),
    ).to.deep.equal(["worker", "dataplane"]);
  });
});
