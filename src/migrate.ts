import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppConfig } from './app.config';
import { ConfigModule } from './platform/config/config.module';
import { ConfigurationError } from './platform/config/configuration-error';
import { EXIT_CONFIG, loadConfigurationOrExit } from './platform/config/load-configuration';
import { DatabaseInfo, DatabaseModule } from './platform/database';
import { PlatformModule } from './platform/platform.module';

@Module({ imports: [ConfigModule.forRoot(AppConfig), PlatformModule, DatabaseModule] })
class MigrateModule {}

/** `npm run migrate`: opening the database brings it up to date, as every replica does when it starts. */
async function run(): Promise<void> {
  const app = await NestFactory.createApplicationContext(MigrateModule, {
    logger: ['error', 'warn', 'log'],
    abortOnError: false,
  });
  process.stdout.write(`The schema is up to date: ${app.get(DatabaseInfo).describe()}\n`);
  await app.close();
}

function fail(error: unknown): never {
  process.stderr.write(`The migrations failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIG : 1);
}

loadConfigurationOrExit(AppConfig);
run().then(() => process.exit(0), fail);
