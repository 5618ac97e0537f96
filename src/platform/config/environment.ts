import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { IsEmail, IsIn, IsInt, IsOptional, Max, MinLength, Min, validateSync } from 'class-validator';
import { ConfigurationError } from './configuration-error';
import { IsUrlOf } from './validators';

/** Variables as a process is given them. */
export type Variables = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Variable {
  readonly name: string;
  readonly secret?: boolean;
  /** What to write instead of a value that is wrong. */
  readonly mend: string;
}

const VARIABLES = {
  port: { name: 'PORT', mend: 'write a whole number from 0 to 65535' },
  host: { name: 'HOST', mend: 'write an address, for example 0.0.0.0' },
  configPath: { name: 'GATEWAY_CONFIG', mend: 'write the path of a YAML file' },
  dataDir: { name: 'GATEWAY_DATA_DIR', mend: 'write the path of a directory' },
  databaseUrl: {
    name: 'DATABASE_URL',
    secret: true,
    mend: 'write for example postgresql://user:password@localhost:5432/gateway',
  },
  redisUrl: { name: 'REDIS_URL', secret: true, mend: 'write for example redis://localhost:6379' },
  adminKey: { name: 'GATEWAY_ADMIN_KEY', secret: true, mend: 'write at least 32 random characters' },
  adminEmail: { name: 'GATEWAY_ADMIN_EMAIL', mend: 'write an email address, for example admin@example.com' },
  adminPassword: { name: 'GATEWAY_ADMIN_PASSWORD', secret: true, mend: 'write at least 8 characters' },
  secret: { name: 'GATEWAY_SECRET', secret: true, mend: 'write at least 32 random characters' },
  workers: { name: 'GATEWAY_WORKERS', mend: 'write a whole number from 1 to 256, or auto' },
  logLevel: { name: 'LOG_LEVEL', mend: `write one of ${LOG_LEVELS.join(', ')}` },
} satisfies Record<string, Variable>;

type Field = keyof typeof VARIABLES;

/** What the process environment says, read once and validated. */
@Injectable()
export class Environment {
  /** `PORT`: TCP port to listen on. Absent: `server.port`. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly port?: number;

  /** `HOST`: address to listen on. Absent: `server.host`. */
  readonly host?: string;

  /** `GATEWAY_CONFIG`: path of the YAML file. Default: `config/gateway.yaml`. */
  readonly configPath: string = 'config/gateway.yaml';

  /** `GATEWAY_DATA_DIR`: embedded database, write-ahead journal, first-run secrets. Default: `.data`. */
  readonly dataDir: string = '.data';

  /** `DATABASE_URL`: address of PostgreSQL; overrides `database.url`. Nowhere set: an embedded PostgreSQL. */
  @IsOptional()
  @IsUrlOf(['postgres:', 'postgresql:'], 'postgresql://user:password@localhost:5432/gateway')
  readonly databaseUrl?: string;

  /** `REDIS_URL`: address of Redis; overrides `redis.url`. Nowhere set: in-process stores, one replica only. */
  @IsOptional()
  @IsUrlOf(['redis:', 'rediss:'], 'redis://localhost:6379')
  readonly redisUrl?: string;

  /** `GATEWAY_ADMIN_KEY`: a bootstrap management API key, at least 32 characters. */
  @IsOptional()
  @MinLength(32)
  readonly adminKey?: string;

  /** `GATEWAY_ADMIN_EMAIL`: the first console user. */
  @IsOptional()
  @IsEmail({ require_tld: false })
  readonly adminEmail?: string;

  /** `GATEWAY_ADMIN_PASSWORD`: the first console user's password, at least 8 characters. */
  @IsOptional()
  @MinLength(8)
  readonly adminPassword?: string;

  /** `GATEWAY_SECRET`: pepper and encryption key material, at least 32 characters. Generated and kept in the data directory when embedded. */
  @IsOptional()
  @MinLength(32)
  readonly secret?: string;

  /** `GATEWAY_WORKERS`: processes on this machine, `auto` for the number of cores; more than one needs Redis. Default: `1`. */
  @IsInt()
  @Min(1)
  @Max(256)
  readonly workers: number = 1;

  /** `LOG_LEVEL`: one of `fatal`, `error`, `warn`, `info`, `debug`, `trace`, `silent`. Default: `info`. */
  @IsIn(LOG_LEVELS)
  readonly logLevel: LogLevel = 'info';

  /** Reads and validates the variables. Throws `ConfigurationError` with every problem at once. */
  static read(variables: Variables): Environment {
    const { environment, problems } = Environment.examine(variables);
    if (problems.length > 0) throw new ConfigurationError(problems);
    return environment;
  }

  /** Like `read`, for a caller that has more to complain about. A variable that is wrong counts as not set. */
  static examine(variables: Variables): { readonly environment: Environment; readonly problems: readonly string[] } {
    const given = new Environment();
    const problems: string[] = [];
    for (const [field, variable] of Object.entries(VARIABLES) as [Field, Variable][]) {
      const text = variables[variable.name];
      if (text === undefined) continue;
      if (text.trim() === '') problems.push(`environment ${variable.name}: is empty; ${variable.mend}, or unset it`);
      else Object.assign(given, { [field]: valueOf(field, text) });
    }
    const environment = Object.assign(new Environment(), given);
    const defaults = new Map<string, unknown>(Object.entries(new Environment()));
    for (const error of validateSync(given)) {
      const variable: Variable = VARIABLES[error.property as Field];
      problems.push(`environment ${variable.name}: ${complaint(variable, variables[variable.name])}`);
      Object.assign(environment, { [error.property]: defaults.get(error.property) });
    }
    return { environment: Object.freeze(environment), problems };
  }
}

/** The name of the variable behind each field. */
export function environmentVariables(): ReadonlyMap<string, string> {
  return new Map(Object.entries<Variable>(VARIABLES).map(([field, variable]) => [field, variable.name]));
}

/** The variables whose values are never printed, for those that mask. */
export const SECRET_VARIABLES: readonly string[] = Object.values<Variable>(VARIABLES)
  .filter((variable) => variable.secret)
  .map((variable) => variable.name);

function valueOf(field: Field, text: string): string | number {
  if (field === 'workers' && text === 'auto') return availableParallelism();
  if (field === 'port' || field === 'workers') return /^\d{1,9}$/.test(text) ? Number(text) : text;
  return text;
}

function complaint(variable: Variable, text = ''): string {
  return variable.secret ? `the value cannot be used; ${variable.mend}` : `"${text}" cannot be used; ${variable.mend}`;
}
