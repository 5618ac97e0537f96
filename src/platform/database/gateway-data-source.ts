import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { connectWhenUp } from './connect';
import type { PostgresOptions } from './database-options';
import type { DatabaseServer } from './database-server';
import { migrate } from './migrate';

const logger = new Logger('Database');

const LONG_MIGRATION_MS = 5_000;

/** Options that carry the server along: Nest hands the factory nothing else. */
export type ManagedOptions = PostgresOptions & { readonly server: DatabaseServer };

/** The data source of the application: stops the embedded server after its last connection has been closed. */
class GatewayDataSource extends DataSource {
  constructor(
    options: PostgresOptions,
    private readonly server: DatabaseServer,
  ) {
    super(options);
  }

  override async destroy(): Promise<void> {
    await super.destroy();
    await this.server.stop();
  }
}

/** Migrations may take minutes, or wait for another replica's: nobody should take this one for dead meanwhile. */
async function migrateWithinReach(dataSource: DataSource, server: DatabaseServer): Promise<string[]> {
  const noteLength = setTimeout(() => {
    if (server.isAwaited) server.waitFor('is being migrated').catch((error: unknown) => logger.warn(error));
  }, LONG_MIGRATION_MS);
  try {
    return await migrate(dataSource);
  } finally {
    clearTimeout(noteLength);
  }
}

/** A connected data source whose schema is up to date. */
export async function createDataSource({ server, ...options }: ManagedOptions): Promise<DataSource> {
  const dataSource = new GatewayDataSource(options, server);
  try {
    await connectWhenUp(dataSource, server);
    const applied = await migrateWithinReach(dataSource, server);
    if (applied.length > 0) logger.log(`Migrations applied: ${applied.join(', ')}`);
    return dataSource;
  } catch (error) {
    if (dataSource.isInitialized) await dataSource.destroy();
    else await server.stop();
    throw error;
  }
}
