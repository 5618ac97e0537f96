const FEATURES = ['access', 'rate-limit', 'billing', 'semantic-cache', 'providers', 'alerts', 'transcripts'];

/** The direction of imports (ARCHITECTURE.md, "Module map"). Each rule has a planted violation in test/unit/boundaries.spec.ts. */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle means two files are one concept cut in the wrong place.',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-is-pure',
      comment: 'core/ is the vocabulary: plain TypeScript, no framework, no other module.',
      severity: 'error',
      from: { path: '(^|/)src/core/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: ['(^|/)src/core/', '^node:', '^[a-z_/]+$'] },
    },
    {
      name: 'core-uses-no-package',
      comment: 'core/ depends on Node only.',
      severity: 'error',
      from: { path: '(^|/)src/core/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'platform-knows-no-feature',
      severity: 'error',
      comment: 'platform/ serves every feature and knows none.',
      from: { path: '(^|/)src/platform/' },
      to: {
        path: '(^|/)src/(access|rate-limit|billing|semantic-cache|providers|alerts|transcripts|gateway|admin|app)',
      },
    },
    ...FEATURES.map((feature) => ({
      name: `${feature}-imports-no-other-feature`,
      comment: 'Features meet in the request context, never by import.',
      severity: 'error',
      from: { path: `(^|/)src/${feature}/` },
      to: {
        path: `(^|/)src/(${[...FEATURES.filter((other) => other !== feature), 'gateway', 'admin', 'app'].join('|')})[./]`,
        ...(feature === 'semantic-cache' ? { pathNot: '(^|/)src/providers/index\\.ts$' } : {}),
      },
    })),
    {
      name: 'enter-by-index',
      comment: 'gateway and admin enter a module by its index.ts.',
      severity: 'error',
      from: { path: '(^|/)src/(gateway|admin)/' },
      to: { path: `(^|/)src/(${FEATURES.join('|')})/`, pathNot: `(^|/)src/(${FEATURES.join('|')})/index\\.ts$` },
    },
    {
      name: 'gateway-and-admin-are-strangers',
      severity: 'error',
      comment: 'The two fronts share features, not code.',
      from: { path: '(^|/)src/gateway/' },
      to: { path: '(^|/)src/admin/' },
    },
    {
      name: 'admin-and-gateway-are-strangers',
      severity: 'error',
      comment: 'The two fronts share features, not code.',
      from: { path: '(^|/)src/admin/' },
      to: { path: '(^|/)src/gateway/' },
    },
    {
      name: 'sdk-stays-in-its-provider',
      comment: 'A provider SDK never leaves the folder of its provider.',
      severity: 'error',
      from: {
        path: '(^|/)src/',
        pathNot: ['(^|/)src/providers/(openai|anthropic|openai-compatible)/', '\\.spec\\.ts$'],
      },
      to: { path: 'node_modules/(openai|@anthropic-ai/sdk)/' },
    },
    {
      name: 'redis-stays-in-the-cellar',
      comment: 'ioredis only in platform/redis and store/redis.* files.',
      severity: 'error',
      from: { path: '(^|/)src/', pathNot: ['(^|/)src/platform/redis/', '/store/redis[.-]'] },
      to: { path: 'node_modules/ioredis/' },
    },
    {
      name: 'express-at-the-edge',
      comment: 'Express types only where HTTP enters.',
      severity: 'error',
      from: {
        path: '(^|/)src/',
        pathNot: [
          '(^|/)src/(gateway|admin)/',
          '(^|/)src/platform/http/',
          '(^|/)src/app\\.',
          '(^|/)src/main\\.ts$',
          '\\.guard\\.ts$',
          '\\.interceptor\\.ts$',
        ],
      },
      to: { path: 'node_modules/(@types/)?express/' },
    },
    {
      name: 'no-test-code-in-product',
      severity: 'error',
      comment: 'Product code never imports tests.',
      from: { path: '(^|/)src/', pathNot: ['\\.(spec|contract)\\.ts$', '/testing/'] },
      to: { path: ['\\.(spec|contract)\\.ts$', '/testing/', '^test/'] },
    },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      comment: 'What ships may not need what does not.',
      from: { path: '(^|/)src/', pathNot: ['\\.(spec|contract)\\.ts$', '/testing/', 'docs\\.generate'] },
      to: { dependencyTypes: ['npm-dev'], pathNot: ['node_modules/@types/', 'node_modules/express/'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
