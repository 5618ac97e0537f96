/** `node -r ./test/support/typescript.cjs file.ts`: lets a test run sources of ours in a process of their own. */
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { transformSync, version } = require('@swc/core');

require('reflect-metadata');

const root = path.resolve(__dirname, '..', '..');
const options = JSON.parse(fs.readFileSync(path.join(root, '.swcrc'), 'utf8'));
delete options.exclude;

const compileOptions = { ...options, swcrc: false, sourceMaps: 'inline' };

/** Compiled files, kept by what they were made of: a gateway of hundreds of files is started many times. */
const CACHE = path.join(root, 'node_modules', '.cache', 'test-processes');
const salt = version + JSON.stringify(compileOptions);
fs.mkdirSync(CACHE, { recursive: true });

function compiled(filename) {
  const source = fs.readFileSync(filename, 'utf8');
  const kept = path.join(CACHE, `${createHash('sha256').update(`${salt}\0${filename}\0${source}`).digest('hex')}.js`);
  try {
    return fs.readFileSync(kept, 'utf8');
  } catch {
    const { code } = transformSync(source, { ...compileOptions, filename });
    // Renamed into place: others read it at the same time.
    const draft = `${kept}.${process.pid}`;
    fs.writeFileSync(draft, code);
    fs.renameSync(draft, kept);
    return code;
  }
}

require.extensions['.ts'] = (module, filename) => {
  module._compile(compiled(filename), filename);
};
