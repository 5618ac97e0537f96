import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { Environment } from '../../src/platform/config/environment';
import { renderChart } from './helm-template';

const root = path.join(__dirname, '..', '..');
const read = (...names: string[]): string => readFileSync(path.join(root, ...names), 'utf8');

interface Service {
  readonly image: string;
  readonly user: string;
  readonly read_only?: boolean;
  readonly cap_drop?: string[];
  readonly security_opt?: string[];
  readonly healthcheck?: object;
  readonly environment?: string[] | Record<string, string>;
  readonly stop_grace_period?: string;
  readonly command?: string[];
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };
const services = Object.entries(compose.services);

/** `NAME` to what it is set to, or null for a variable that is only passed on. */
function variablesOf({ environment = {} }: Service): [string, string | null][] {
  if (!Array.isArray(environment)) return Object.entries(environment);
  return environment.map((line) => {
    const [, name = '', value] = /^([^=]+)(?:=(.*))?$/s.exec(line) ?? [];
    return [name, value ?? null];
  });
}

/** Variables of the gateway, by its own account: one that is set to nothing is one that it complains about. */
function isVariableOfTheGateway(name: string): boolean {
  return Environment.examine({ [name]: '' }).problems.length > 0;
}

const PROVIDER_KEY = /^[A-Z]+_API_KEY$/;
const SECRET_NAME = /PASSWORD|SECRET|_KEY$|TOKEN/;
const DRAIN_SECONDS = 5 + 600;

describe('docker-compose.yml', () => {
  it.each(services)('%s is not root, cannot write its root file system, has no capability', (_, service) => {
    expect(service.user).toMatch(/^[1-9]\d*(:\d+)?$/);
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: expect.arrayContaining(['no-new-privileges:true']) as unknown,
    });
    expect(service.healthcheck).toBeDefined();
  });

  it.each(services)('%s has an image with a version', (name, { image }) => {
    expect(image).toMatch(name === 'gateway' ? /:local$/ : /:v?\d+\.\d+/);
  });

  it.each(services)('%s has no default for a secret', (_, service) => {
    for (const [name, value] of variablesOf(service)) {
      // `:?` refuses to start without a value; anything else that stands here would be known to everybody.
      if (SECRET_NAME.test(name) && value !== null) expect(value).toMatch(/^\$\{[A-Z_]+:\?[^}]+\}$/);
    }
    expect(JSON.stringify(service)).not.toMatch(/\$\{[A-Z_]*(PASSWORD|SECRET|KEY)[A-Z_]*:?-/);
  });

  it('gives the gateway only variables that it knows', () => {
    const names = variablesOf(compose.services['gateway'] as Service).map(([name]) => name);
    expect(names.filter((name) => !isVariableOfTheGateway(name) && !PROVIDER_KEY.test(name))).toEqual([]);
  });

  it('leaves the gateway the time it needs to drain', () => {
    const grace = /^(\d+)s$/.exec(compose.services['gateway']?.stop_grace_period ?? '')?.[1];
    expect(Number(grace)).toBeGreaterThan(DRAIN_SECONDS);
  });

  it('wants nothing that .env.example does not name', () => {
    const wanted = [...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name);
    const offered = new Set([...read('.env.example').matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name));
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter((name) => !offered.has(name))).toEqual([]);
  });
});

describe('.env.example', () => {
  it('has no value', () => {
    const lines = read('.env.example').split('\n');
    expect(lines.filter((line) => line !== '' && !line.startsWith('#') && !line.endsWith('='))).toEqual([]);
  });
});

describe('documented variables', () => {
  it('docs/operations.md names every variable that a deployment sets', () => {
    const pages = read('docs', 'operations.md');
    const names = [
      'docker-compose.yml',
      'Dockerfile',
      path.join('deploy', 'helm', 'ai-gateway', 'templates', 'workload.yaml'),
    ]
      .flatMap((file) => read(file).match(/\b(?:GATEWAY_[A-Z_]+|DATABASE_URL|REDIS_URL|LOG_LEVEL|PORT|HOST)\b/g) ?? [])
      .filter((name) => isVariableOfTheGateway(name));
    expect(new Set(names).size).toBeGreaterThan(5);
    expect([...new Set(names)].filter((name) => !pages.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const last = (word: string): string | undefined => lines.findLast((line) => line.startsWith(`${word} `));

  it('ends as a user that is not root, by number', () => {
    expect(last('USER')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/);
    expect(lines.findIndex((line) => line.startsWith('USER '))).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('RUN ')),
    );
  });

  it('pins its base image to an exact version', () => {
    expect(last('ARG')).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/);
    expect(
      lines.filter((line) => line.startsWith('FROM ')).every((line) => line.startsWith('FROM ${NODE_IMAGE}')),
    ).toBe(true);
  });

  it('runs the gateway itself, so that a signal reaches it', () => {
    expect(last('CMD')).toBe(
      'CMD ["node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=40", "--v8-pool-size=1", "dist/main.js"]',
    );
    expect(last('STOPSIGNAL')).toBe('STOPSIGNAL SIGTERM');
    expect(lines.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true);
  });

  it('runs no script of a dependency and has no secret', () => {
    expect(
      lines.filter((line) => /npm (ci|install)/.test(line)).every((line) => line.includes('--ignore-scripts')),
    ).toBe(true);
    expect(lines.filter((line) => /^(ARG|ENV)/.test(line) && SECRET_NAME.test(line))).toEqual([]);
  });

  it('copies only what .dockerignore lets in', () => {
    const allowed = new Set(
      read('.dockerignore')
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1)),
    );
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    expect(copied.filter((name) => !allowed.has(name))).toEqual([]);
  });
});

describe('Prometheus and Grafana', () => {
  const METRIC = /\b(?:gen_ai|gateway)_[a-z_]+\b/g;
  /** What the gateway exposes; histograms have these endings too. */
  const EXPOSED = [
    'gateway_journal_backlog_records',
    'gateway_attempts_total',
    'gateway_budget_overruns_total',
    'gateway_cache_answers_total',
    'gateway_cache_checks_total',
    'gateway_cache_encoding_seconds',
    'gateway_cache_encodings_total',
    'gateway_cache_false_hit_rate',
    'gateway_cache_feedback_total',
    'gateway_cache_requests_total',
    'gateway_cache_saved_usd_total',
    'gateway_cache_spent_usd_total',
    'gateway_cache_store_failures_total',
    'gateway_cost_usd_total',
    'gateway_fallbacks_total',
    'gateway_inflight_requests',
    'gateway_journal_bytes',
    'gateway_journal_oldest_ms',
    'gateway_provider_breaker_state',
    'gateway_provider_cooldown_seconds',
    'gateway_provider_first_byte_seconds',
    'gateway_rate_limit_decisions_total',
    'gateway_rate_limit_degraded',
    'gateway_transcripts_total',
    'gateway_transcripts_waiting',
    'gateway_workers',
    'gen_ai_client_token_usage',
    'gen_ai_server_request_duration_seconds',
    'gen_ai_server_time_to_first_token_seconds',
  ];
  const LABELS = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model', 'gen_ai_token_type'];
  const board = parse(read('deploy', 'grafana', 'boards', 'gateway.json')) as {
    panels: { id: number; gridPos: { x: number; y: number; w: number; h: number }; targets: { expr: string }[] }[];
  };
  const rules = parse(read('deploy', 'prometheus', 'rules.yml')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const expressions = [
    ...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
  ];

  it('ask for metrics that exist', () => {
    const asked = expressions.flatMap((expression) => expression.match(METRIC) ?? []);
    const known = new Set([...EXPOSED, ...LABELS]);
    expect(asked.map((name) => name.replace(/_(bucket|count|sum)$/, '')).filter((name) => !known.has(name))).toEqual(
      [],
    );
  });

  it('show every metric of the gateway', () => {
    const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
    const declared = sources
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .flatMap((file) =>
        [...read('src', file).matchAll(/name: '((?:gen_ai|gateway)_[a-z_]+)'/g)].map(([, name]) => name),
      );
    expect(declared.length).toBeGreaterThan(0);
    expect(declared.filter((name) => !EXPOSED.includes(name as string))).toEqual([]);
    expect(EXPOSED.filter((name) => !expressions.some((expression) => expression.includes(name)))).toEqual([]);
  });

  it('have balanced expressions and panels that do not overlap', () => {
    for (const expression of expressions) {
      for (const [open, close] of ['()', '{}', '[]']) {
        expect([expression, expression.split(open as string).length]).toEqual([
          expression,
          expression.split(close as string).length,
        ]);
      }
    }
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)}:${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  });

  it.each([
    ['prometheus', 'prometheus.yml'],
    ['grafana', 'provisioning/datasources/prometheus.yaml'],
    ['grafana', 'provisioning/dashboards/gateway.yaml'],
  ])('%s/%s is YAML', (folder, file) => {
    expect(parse(read('deploy', folder, file))).toEqual(expect.any(Object));
  });
});

describe('Helm chart', () => {
  const chart = path.join(root, 'deploy', 'helm', 'ai-gateway');
  interface Manifest {
    readonly kind: string;
    readonly spec: { template: { spec: Pod } };
  }
  interface Pod {
    readonly securityContext: object;
    readonly terminationGracePeriodSeconds: number;
    readonly containers: {
      image: string;
      securityContext: object;
      env: { name: string; value: string }[];
      envFrom: object[];
      volumeMounts: { name: string }[];
    }[];
    readonly volumes: { name: string }[];
  }
  const everything = {
    secretName: 'gateway-secrets',
    autoscaling: { enabled: true },
    serviceMonitor: { enabled: true },
    networkPolicy: { enabled: true },
    ingress: {
      enabled: true,
      host: 'gateway.example.com',
      className: 'nginx',
      tlsSecretName: 'tls',
      annotations: { a: 'b' },
    },
    podAnnotations: { team: 'platform' },
    tolerations: [{ operator: 'Exists' }],
    nodeSelector: { pool: 'web' },
    imagePullSecrets: [{ name: 'registry' }],
    extraEnv: [{ name: 'GATEWAY_WORKERS', value: '2' }],
  };
  function manifests(values: object): Manifest[] {
    return [...renderChart(chart, { ...values })]
      .filter(([file]) => file.endsWith('.yaml'))
      .flatMap(([, text]) => parseAllDocuments(text))
      .map((document) => {
        expect(document.errors).toEqual([]);
        return document.toJS() as Manifest | null;
      })
      .filter((manifest) => manifest !== null);
  }
  const kinds = (values: object): string[] => manifests(values).map(({ kind }) => kind);

  it('renders what it is asked for', () => {
    expect(kinds({ secretName: 'gateway-secrets' }).toSorted()).toEqual([
      'ConfigMap',
      'Deployment',
      'PodDisruptionBudget',
      'Service',
    ]);
    expect(kinds(everything)).toEqual(
      expect.arrayContaining(['HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy', 'ServiceMonitor']),
    );
    expect(kinds({ secretName: 'gateway-secrets', journal: { storageClassName: 'fast' } })).toContain('StatefulSet');
  });

  it('never makes a secret, and wants one', () => {
    expect(kinds(everything)).not.toContain('Secret');
    expect(() => renderChart(chart)).toThrow('secretName is required');
  });

  it.each([
    ['a Deployment', {}],
    ['everything on', everything],
    ['a StatefulSet', { journal: { storageClassName: 'fast' } }],
  ])('locks the pod down: %s', (_, values) => {
    const workload = manifests({ secretName: 'gateway-secrets', ...values }).find(({ kind }) =>
      /Deployment|StatefulSet/.test(kind),
    );
    const pod = workload?.spec.template.spec as Pod;
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(DRAIN_SECONDS);
    const [container] = pod.containers;
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container?.image).toMatch(/^ai-gateway:\d/);
    expect(container?.envFrom).toEqual([{ secretRef: { name: 'gateway-secrets' } }]);
    expect(container?.env.filter(({ name }) => !isVariableOfTheGateway(name))).toEqual([]);
    expect(container?.env.filter(({ name }) => SECRET_NAME.test(name))).toEqual([]);
    const claimed =
      (workload?.spec as { volumeClaimTemplates?: { metadata: { name: string } }[] } | undefined)
        ?.volumeClaimTemplates ?? [];
    const volumes = [...pod.volumes.map(({ name }) => name), ...claimed.map(({ metadata }) => metadata.name)];
    expect(container?.volumeMounts.map(({ name }) => name).toSorted()).toEqual(volumes.toSorted());
  });

  it('puts the configuration where the pod reads it', () => {
    const config = manifests({ secretName: 's' }).find(({ kind }) => kind === 'ConfigMap') as unknown as {
      data: Record<string, string>;
    };
    expect(parse(config.data['gateway.yaml'] ?? '')).toMatchObject({
      providers: { openai: { models: ['gpt-4o', 'gpt-4o-mini'] } },
    });
  });
});
