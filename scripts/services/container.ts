import { execa } from 'execa';
import { whenWeDie, type Daemon } from './daemon.ts';

export interface ContainerOptions {
  name: string;
  image: string;
  /** Host port on loopback → port in the container. */
  ports: ReadonlyArray<readonly [host: number, container: number]>;
  env?: Record<string, string>;
  command?: readonly string[];
}

let engine: Promise<boolean> | undefined;

/** Whether a Docker engine answers. `STAND=embedded` says not to look. */
export function hasDockerEngine(): Promise<boolean> {
  engine ??=
    process.env['STAND'] === 'embedded'
      ? Promise.resolve(false)
      : execa('docker', ['info'], { reject: false, timeout: 10_000 }).then((r) => r.exitCode === 0);
  return engine;
}

/** Starts the container, or the one of this name that was stopped or killed before, with its data. */
export async function runContainer(options: ContainerOptions): Promise<Daemon> {
  const { name } = options;
  const restarted = await execa('docker', ['start', name], { reject: false });
  if (restarted.exitCode !== 0)
    await execa('docker', ['run', '--detach', ...runArguments(options)]);
  const callOff = whenWeDie('docker rm -f -v "$1"', [name]);
  return {
    isAlive: async () => {
      const state = await execa('docker', ['inspect', '-f', '{{.State.Running}}', name], {
        reject: false,
      });
      return state.stdout === 'true';
    },
    kill: async () => {
      await execa('docker', ['kill', '--signal', 'KILL', name]);
      callOff();
    },
    stop: async (graceMs = 15_000) => {
      await execa('docker', ['stop', '--time', String(Math.ceil(graceMs / 1000)), name]);
      callOff();
    },
    logTail: async (lines = 20) =>
      (await execa('docker', ['logs', '--tail', String(lines), name], { all: true, reject: false }))
        .all,
  };
}

/** Removes the container and its data; fine when there is none. */
export async function removeContainer(name: string): Promise<void> {
  await execa('docker', ['rm', '-f', '-v', name], { reject: false });
}

function runArguments({ name, image, ports, env = {}, command = [] }: ContainerOptions): string[] {
  return [
    `--name=${name}`,
    ...ports.map(([host, container]) => `--publish=127.0.0.1:${host}:${container}`),
    ...Object.entries(env).map(([key, value]) => `--env=${key}=${value}`),
    image,
    ...command,
  ];
}
