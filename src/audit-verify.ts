import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuditModule, AuditVerifier } from './admin';
import { AppConfig } from './app.config';
import { ConfigModule } from './platform/config/config.module';
import { ConfigurationError } from './platform/config/configuration-error';
import { EXIT_CONFIG, loadConfigurationOrExit } from './platform/config/load-configuration';
import { DatabaseModule } from './platform/database';
import { PlatformModule } from './platform/platform.module';
import { SecretsModule } from './platform/secrets/secrets.module';

@Module({ imports: [ConfigModule.forRoot(AppConfig), PlatformModule, DatabaseModule, SecretsModule, AuditModule] })
class AuditVerifyModule {}

const EXIT_PROBLEMS = 1;
const EXIT_FAILED = 2;

/**
 * `npm run audit:verify [-- <head>]`: reads the whole audit log and says what was changed in it. `<head>` is what an
 * earlier run printed; with it a log that was cut back to an older state is found as well.
 */
async function run(): Promise<number> {
  const app = await NestFactory.createApplicationContext(AuditVerifyModule, {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  const { entries, head, problems } = await app.get(AuditVerifier).verify(process.argv[2]);
  await app.close();
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  const verdict = problems.length === 0 ? 'are as they were written' : 'are not as they were written';
  process.stdout.write(`${entries} entries ${verdict}; head ${head}\n`);
  return problems.length === 0 ? 0 : EXIT_PROBLEMS;
}

function fail(error: unknown): never {
  process.stderr.write(
    `The audit log could not be verified: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(error instanceof ConfigurationError ? EXIT_CONFIG : EXIT_FAILED);
}

loadConfigurationOrExit(AppConfig);
run().then((code) => process.exit(code), fail);
