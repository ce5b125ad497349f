import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const MB = 1024;
/** What Linux counts CPU time in, on every machine of today. */
const TICKS_PER_SECOND = 100;

/** Resident memory of a process in MB, now and at its highest. */
export function memoryOf(pid: number): { now: number; peak: number | undefined } {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) {
    const kb = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
    return { now: Math.round(kb / MB), peak: undefined };
  }
  const status = readFileSync(file, 'utf8');
  const field = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / MB);
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** CPU seconds that a process and all of its children have used so far; undefined where there is no /proc. */
export function cpuSecondsOf(root: number): number | undefined {
  if (!existsSync('/proc/self/stat')) return undefined;
  const all = new Map(readdirSync('/proc').filter(isNumber).flatMap(readStat));
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at; at = all.get(at)?.parent)
      if (at === root) return true;
    return false;
  };
  return [...all].filter(([pid]) => isBelow(pid)).reduce((sum, [, { cpu }]) => sum + cpu, 0);
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name);
}

/** Nothing for a process that ended meanwhile. */
function readStat(pid: string): [number, { parent: number; cpu: number }][] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return [];
  }
  // The name in parentheses may hold anything. After it: state, parent, ..., utime, stime, cutime, cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return [[Number(pid), { parent: Number(fields[1]), cpu: ticks / TICKS_PER_SECOND }]];
}
