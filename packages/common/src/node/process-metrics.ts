/** What every process tells of itself, read when it is scraped. */
import { readdirSync } from "node:fs";
import type { MetricsRegistry } from "./metrics.ts";

export function addProcessMetrics(metrics: MetricsRegistry): void {
  let cpuSeconds = 0;
  metrics.onScrape(() => {
    const cpu = process.cpuUsage();
    const total = (cpu.user + cpu.system) / 1_000_000;
    metrics.count("process_cpu_seconds_total", Math.max(0, total - cpuSeconds));
    cpuSeconds = total;
    metrics.gauge("process_resident_memory_bytes", process.memoryUsage.rss());
    metrics.gauge("process_uptime_seconds", process.uptime());
    metrics.gauge("process_heap_used_bytes", process.memoryUsage().heapUsed);
    const fds = openFileDescriptors();
    if (fds !== undefined) metrics.gauge("process_open_fds", fds);
  });
}

/** Undefined where there is no /proc. */
function openFileDescriptors(): number | undefined {
  try {
    // The directory itself is open while it is read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}
