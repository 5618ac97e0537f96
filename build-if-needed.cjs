// Builds dist/ when it is missing or older than a source file, so that `npm start` works right after `npm ci`.
const { existsSync, readdirSync, statSync } = require('node:fs');
const { execFileSync } = require('node:child_process');
const path = require('node:path');

const root = __dirname;

function newest(entry) {
  const stats = statSync(entry);
  if (!stats.isDirectory()) return stats.mtimeMs;
  let latest = 0;
  for (const name of readdirSync(entry)) latest = Math.max(latest, newest(path.join(entry, name)));
  return latest;
}

const marker = path.join(root, 'dist', 'main.js');
const sources = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', '.swcrc', 'nest-cli.json']
  .map((name) => path.join(root, name))
  .filter(existsSync);
const isStale = !existsSync(marker) || sources.some((source) => newest(source) > statSync(marker).mtimeMs);
const canBuild = existsSync(path.join(root, 'node_modules', '@nestjs', 'cli'));

if (isStale && canBuild) {
  execFileSync(process.execPath, [path.join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
// The encoder's model is made out of the package that holds its weights; later starts find it made.
const encoder = path.join(root, 'dist', 'build-encoder.js');
if (existsSync(encoder) && !existsSync(path.join(root, 'dist', 'encoder')) && canBuild)
  execFileSync(process.execPath, [encoder], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
if (!existsSync(marker)) {
  console.error('dist/ is missing and cannot be built: run `npm ci` (with development dependencies) and try again.');
  process.exit(1);
}
