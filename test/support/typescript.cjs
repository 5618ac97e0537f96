/** `node -r ./test/support/typescript.cjs file.ts`: lets a test run sources of ours in a process of their own. */
const fs = require('node:fs');
const path = require('node:path');
const { transformSync } = require('@swc/core');

require('reflect-metadata');

const root = path.resolve(__dirname, '..', '..');
const options = JSON.parse(fs.readFileSync(path.join(root, '.swcrc'), 'utf8'));
delete options.exclude;

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(fs.readFileSync(filename, 'utf8'), {
    ...options,
    filename,
    swcrc: false,
    sourceMaps: 'inline',
  });
  module._compile(code, filename);
};
