// because the Node that this project pins comes with the dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node ${process.versions.node} is too old: install Node 20 or newer`);
if (!isInstalled()) {
  const since = Date.now();
  console.log('Installing the dependencies (npm ci) ...');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
  });
  if (npm.error) fail(`npm cannot be run (${npm.error.message}): install npm`);
  if (npm.status !== 0) fail('npm ci failed: see above');
  console.log(`✓ Dependencies  ${((Date.now() - since) / 1000).toFixed(1)} s`);
}

/** Whether every package of the lock file is there in its version; npm writes down what it installed. */
function isInstalled() {
  const installedFile = 'node_modules/.package-lock.json';
  if (!existsSync(installedFile)) return false;
  const installed = packagesOf(installedFile);
  return Object.entries(packagesOf('package-lock.json')).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
