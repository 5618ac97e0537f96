import { AppConfig } from '../../../src/app.config';
import { FileLiveConfig } from '../../../src/platform/config/file-live-config';
import { loadConfigurationOrExit } from '../../../src/platform/config/load-configuration';
import { CacheConfig } from '../../../src/semantic-cache/cache.config';

/** Loads the file that the environment names, watches it, and prints what is in force. */
const { environment } = loadConfigurationOrExit(AppConfig);
const making = { root: AppConfig, environment, variables: process.env };
const config = new FileLiveConfig(making, { path: environment.configPath });
const tell = (): void =>
  void process.stdout.write(`ttl ${config.section(CacheConfig).ttl_seconds} version ${config.version}\n`);
config.onReload(tell);
config.watch();
tell();
setInterval(() => undefined, 60_000);
