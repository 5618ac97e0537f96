import { availableParallelism } from 'node:os';
import { ConfigurationError } from './configuration-error';
import { Environment, type Variables } from './environment';

function problemsOf(variables: Variables): readonly string[] {
  try {
    Environment.read(variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

describe('Environment.read', () => {
  it('has the documented defaults', () => {
    expect(Object.fromEntries(Object.entries(Environment.examine({}).environment))).toEqual({
      configPath: 'config/gateway.yaml',
      dataDir: '.data',
      workers: 1,
      logLevel: 'info',
    });
  });

  it('reads every variable', () => {
    const environment = Environment.read({
      PORT: '9090',
      HOST: '127.0.0.1',
      GATEWAY_CONFIG: 'a.yaml',
      GATEWAY_DATA_DIR: '/data',
      DATABASE_URL: 'postgresql://u:p@db/gateway',
      REDIS_URL: 'rediss://cache:6380',
      GATEWAY_ADMIN_KEY: 'k'.repeat(32),
      GATEWAY_ADMIN_EMAIL: 'admin@localhost',
      GATEWAY_ADMIN_PASSWORD: 'long enough',
      GATEWAY_SECRET: 's'.repeat(32),
      GATEWAY_WORKERS: 'auto',
      LOG_LEVEL: 'debug',
    });
    expect(environment).toMatchObject({ port: 9090, host: '127.0.0.1', configPath: 'a.yaml', logLevel: 'debug' });
    expect(environment).toMatchObject({ workers: availableParallelism(), redisUrl: 'rediss://cache:6380' });
    expect(Object.isFrozen(environment)).toBe(true);
  });

  it('names every problem at once, and no secret', () => {
    const problems = problemsOf({
      PORT: '80a',
      GATEWAY_ADMIN_KEY: 'short-admin-key',
      GATEWAY_SECRET: '',
      GATEWAY_ADMIN_PASSWORD: 'tiny',
      DATABASE_URL: 'mysql://root:hunter2@db',
      REDIS_URL: '  ',
      GATEWAY_WORKERS: '0',
      LOG_LEVEL: 'loud',
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(
      expect.arrayContaining(
        [
          'PORT',
          'GATEWAY_ADMIN_KEY',
          'GATEWAY_SECRET',
          'GATEWAY_ADMIN_PASSWORD',
          'DATABASE_URL',
          'REDIS_URL',
          'GATEWAY_WORKERS',
          'LOG_LEVEL',
        ].map((name) => `environment ${name}`),
      ),
    );
    expect(problems).toHaveLength(8);
    expect(problems.join('\n')).not.toMatch(/short-admin-key|tiny|hunter2/);
    expect(problems.join('\n')).toContain('"80a" cannot be used; write a whole number from 0 to 65535');
  });

  it('takes a variable that is wrong for one that is not set, when asked to go on', () => {
    expect(Environment.examine({ GATEWAY_WORKERS: 'many' }).environment.workers).toBe(1);
    expect(Environment.examine({ PORT: '-1' }).environment.port).toBeUndefined();
  });
});
