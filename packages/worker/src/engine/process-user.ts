/** The user a task runs as: Docker's "name", "uid", "name:group" or "uid:gid". */
import { promises as fs } from "node:fs";
import type { Result } from "@skein/common/result";
import { fail, ok } from "@skein/common/result";

export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

/** The error is what the task is rejected with. Only root may become someone else. */
export async function resolveUser(wanted: string): Promise<Result<TaskUser, string>> {
  const [userPart = "", groupPart] = wanted.split(":");
  const users = await readTable("/etc/passwd");
  const row = users.find(([name, , uid]) => name === userPart || uid === userPart);
  const uid = row === undefined ? number(userPart) : number(row[2]);
  if (uid === undefined) {
    return fail(`unable to find user ${userPart}: no matching entries in passwd file`);
  }
  const group = await resolveGroup(groupPart, row?.[3]);
  if (!group.ok) return group;
  const own = process.getuid?.();
  if (own !== 0 && (uid !== own || group.value !== process.getgid?.())) {
    return fail(`cannot run as user "${wanted}": the worker does not run as root (uid ${own})`);
  }
  return ok({ uid, gid: group.value, name: row?.[0] ?? userPart, home: row?.[5] ?? "/" });
}

async function resolveGroup(
  wanted: string | undefined,
  primary: string | undefined,
): Promise<Result<number, string>> {
  // As Docker: a numeric user unknown to the system has group 0.
  if (wanted === undefined || wanted === "") return ok(number(primary) ?? 0);
  const groups = await readTable("/etc/group");
  const row = groups.find(([name, , gid]) => name === wanted || gid === wanted);
  const gid = number(row?.[2] ?? wanted);
  if (gid !== undefined) return ok(gid);
  return fail(`unable to find group ${wanted}: no matching entries in group file`);
}

async function readTable(path: string): Promise<readonly (readonly string[])[]> {
  const text = await fs.readFile(path, "utf8").catch(() => ""); // No such file: only numbers work.
  return text.split("\n").map((line) => line.split(":"));
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
