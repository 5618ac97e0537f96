const fs = require('node:fs');
const path = require('node:path');

/** Jest on Node 20 cannot `require()` an ES module, so ESM-only packages are compiled down. Found by scanning: a new dependency needs no edit. */
function esmOnlyPackages(directory = path.join(__dirname, 'node_modules')) {
  const found = [];
  const visit = (folder, prefix = '') => {
    for (const name of fs.readdirSync(folder)) {
      if (name.startsWith('.')) continue;
      const entry = path.join(folder, name);
      if (name.startsWith('@') && !prefix) {
        visit(entry, `${name}/`);
        continue;
      }
      try {
        const manifest = JSON.parse(fs.readFileSync(path.join(entry, 'package.json'), 'utf8'));
        if (manifest.type === 'module') found.push(prefix + name);
      } catch {
        // not a package
      }
    }
  };
  visit(directory);
  return found;
}

const swc = (parser) => [
  '@swc/jest',
  {
    swcrc: false,
    jsc: {
      parser,
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      target: 'es2022',
      keepClassNames: true,
    },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];

const escaped = esmOnlyPackages().map((name) => name.replace(/[/\\^$*+?.()|[\]{}]/g, '\\$&'));

const project = (displayName, testMatch, extra = {}) => ({
  displayName,
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: testMatch.map((pattern) => `<rootDir>/${pattern}`),
  setupFiles: ['reflect-metadata', '<rootDir>/test/support/typescript-threads.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '^.+\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [`/node_modules/(?!(?:${escaped.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/bench/.peer'],
  ...extra,
});

const services = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

module.exports = {
  // Says that a test hangs, not that a machine is slow.
  testTimeout: 120_000,
  projects: [
    project('unit', ['src/**/*.spec.ts', 'test/unit/**/*.spec.ts']),
    project('medium', ['test/medium/**/*.spec.ts'], services),
    project('e2e', ['test/e2e/**/*.spec.ts'], services),
    project('browser', ['test/browser/**/*.spec.ts'], services),
    // Soak, fuzz and million-seed runs: each prints its seed.
    project('nightly', ['test/nightly/**/*.spec.ts'], services),
  ],
};
