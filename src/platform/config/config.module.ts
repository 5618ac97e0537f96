import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { ConfigModule as NestConfigModule } from '@nestjs/config';
import { Environment, type Variables } from './environment';
import { FileLiveConfig, type ConfigOrigin } from './file-live-config';
import { LiveConfig } from './live-config';
import type { RootConfig } from './root-config';

/** Provides `Environment` and `LiveConfig` to every module. The root class is the application's, so it is handed in. */
@Module({})
export class ConfigModule {
  /** The file that the environment names, watched. */
  static forRoot(root: Type<RootConfig>, variables: Variables = process.env): DynamicModule {
    return ConfigModule.dynamic(root, variables, (environment) => ({ path: environment.configPath }));
  }

  /** This file, watched, whatever `GATEWAY_CONFIG` says. */
  static forFile(root: Type<RootConfig>, path: string, variables: Variables = process.env): DynamicModule {
    return ConfigModule.dynamic(root, variables, () => ({ path }));
  }

  /** This YAML text. */
  static forValues(root: Type<RootConfig>, yaml: string, variables: Variables = {}): DynamicModule {
    return ConfigModule.dynamic(root, variables, () => ({ name: 'config', text: yaml }));
  }

  private static dynamic(
    root: Type<RootConfig>,
    variables: Variables,
    origin: (environment: Environment) => ConfigOrigin,
  ): DynamicModule {
    const nestConfig = NestConfigModule.forRoot({
      ignoreEnvFile: true,
      skipProcessEnv: true,
      // Nothing is returned, so nothing is written back to process.env.
      validate: () => (Environment.read(variables), {}),
      load: [() => ({ environment: Environment.read(variables) })],
    });
    // Nest awaits it when the application is created; until then a rejection must not end the process.
    nestConfig.catch(() => undefined);
    return {
      module: ConfigModule,
      global: true,
      imports: [nestConfig],
      providers: [
        { provide: Environment, useFactory: () => Environment.read(variables) },
        {
          provide: FileLiveConfig,
          useFactory: (environment: Environment) => {
            const config = new FileLiveConfig({ root, environment, variables }, origin(environment));
            config.watch();
            return config;
          },
          inject: [Environment],
        },
        { provide: LiveConfig, useExisting: FileLiveConfig },
      ],
      exports: [Environment, FileLiveConfig, LiveConfig],
    };
  }
}
