import type { DataSourceOptions } from 'typeorm';
import { loadMigrations } from './load-migrations';
import { SnakeNamingStrategy } from './snake-naming.strategy';

export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

export const APPLICATION_NAME = 'ai-gateway';

const POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** Far above any query of ours: a query that takes longer is stuck and holds others up. */
const STATEMENT_TIMEOUT_MS = 30_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;

/** How the gateway uses a PostgreSQL database, embedded or not. */
export function databaseOptions(url: string): PostgresOptions {
  return {
    type: 'postgres',
    url,
    migrations: loadMigrations(),
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    namingStrategy: new SnakeNamingStrategy(),
    synchronize: false,
    logging: false,
    poolSize: POOL_SIZE,
    applicationName: APPLICATION_NAME,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: {
      // The URL goes to the driver as it is, so that ?sslmode= and its like count.
      connectionString: url,
      keepAlive: true,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    },
  };
}
