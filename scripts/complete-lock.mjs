// `npm run lock`: after `npm install` against a registry that lacks the binaries of some platforms. npm leaves those out of
// package-lock.json, and `npm ci` then refuses the file everywhere. This writes them back in, by version and platform; they
// are fetched only on the platform that they are for.
import { readFileSync, writeFileSync } from 'node:fs';

const PLATFORMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const added = [];
for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isLocked(parent, name) || !/^\d/.test(version)) continue;
    lock.packages[`node_modules/${name}`] = entry(name, version, dev);
    added.push(`${name}@${version}`);
  }
}
const paths = Object.keys(lock.packages).sort((a, b) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(paths.map((path) => [path, lock.packages[path]]));
writeFileSync('package-lock.json', `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(added.length > 0 ? `Added ${added.join(', ')}` : 'The lock file is complete.');

/** Looked up as Node does: beside the parent, then further up. */
function isLocked(parent, name) {
  for (let at = parent; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    if (lock.packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

function entry(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => PLATFORMS.includes(word));
  const cpu = words.find((word) => CPUS.includes(word));
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc';
  return {
    version,
    ...(cpu && { cpu: [cpu] }),
    ...(dev && { dev }),
    ...(os === 'linux' && words.some((word) => /^(gnu|musl)/.test(word)) && { libc: [libc] }),
    optional: true,
    ...(os && { os: [os] }),
  };
}
