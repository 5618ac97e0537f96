import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DatabaseInfo } from './database-info';
import { DatabaseNotifications } from './database-notifications';
import { databaseOptions } from './database-options';
import { DatabaseServer } from './database-server';
import { createDataSource, type ManagedOptions } from './gateway-data-source';

@Module({
  providers: [DatabaseServer, { provide: DatabaseInfo, useExisting: DatabaseServer }],
  exports: [DatabaseServer, DatabaseInfo],
})
export class DatabaseServerModule {}

/** PostgreSQL for everyone: a `DataSource` that is connected and migrated, notifications, and what may be told about it. */
@Global()
@Module({
  imports: [
    DatabaseServerModule,
    TypeOrmModule.forRootAsync({
      imports: [DatabaseServerModule],
      inject: [DatabaseServer],
      useFactory: async (server: DatabaseServer) => ({
        ...databaseOptions(await server.start()),
        server,
        autoLoadEntities: true,
        // We wait for the database ourselves; what fails after that does not get better.
        toRetry: () => false,
      }),
      dataSourceFactory: (options) => createDataSource(options as ManagedOptions),
    }),
  ],
  providers: [DatabaseNotifications],
  exports: [DatabaseServerModule, DatabaseNotifications],
})
export class DatabaseModule {}
