/**
 * Everything that decides on the leader, in the order in which it runs. The names appear in logs
 * and metrics. Each is level-triggered: it may run at any time and in any order, and what it
 * decides from a view that is out of date becomes a counted no-op when it is applied.
 */
import { allocator } from "../allocator/allocator.ts";
import { schedule } from "../scheduler/schedule.ts";
import type { Decider } from "../store/decision.ts";
import { rotateRoot } from "../trust/rotate-root.ts";
import { cron } from "./cron.ts";
import { enforce } from "./enforce.ts";
import { global } from "./global.ts";
import { jobs } from "./job.ts";
import { promote } from "./promote.ts";
import { reap } from "./reaper.ts";
import { replicated } from "./replicated.ts";
import { restart } from "./restart.ts";
import { retire } from "./retire.ts";
import { update } from "./update.ts";

export interface Controller {
  readonly name: string;
  readonly decide: Decider;
}

export const controllers: readonly Controller[] = [
  { name: "replicated", decide: replicated },
  { name: "global", decide: global },
  { name: "jobs", decide: jobs },
  { name: "cron", decide: cron },
  { name: "restart", decide: restart },
  { name: "update", decide: update },
  { name: "promote", decide: promote },
  { name: "retire", decide: retire },
  { name: "enforce", decide: enforce },
  { name: "reaper", decide: reap },
  { name: "allocator", decide: allocator },
  { name: "scheduler", decide: schedule },
  { name: "rotate-root", decide: rotateRoot },
];
