import 'reflect-metadata';
import cluster from 'node:cluster';
import { FirstRunService } from './access';
import { AppConfig } from './app.config';
import { createApp, serverOf } from './app.setup';
import { bannerOf } from './banner';
import { loadModels } from './billing';
import { ConfigModule } from './platform/config/config.module';
import { ConfigurationError } from './platform/config/configuration-error';
import { EXIT_CONFIG, loadConfigurationOrExit } from './platform/config/load-configuration';
import { ServerConfig } from './platform/http/server.config';
import { LiveConfig } from './platform/config/live-config';
import { Drain } from './platform/lifecycle/drain';
import { WaitingRoom } from './platform/lifecycle/waiting-room';
import { StructuredLogger } from './platform/logging/logger';
import { onStopOrder, superviseWorkers, type StopOrder } from './workers';

/** Signals that follow each other so closely are one. */
const SAME_SIGNAL_MS = 1_000;

async function serve(): Promise<void> {
  // Until something is served there is nothing to drain.
  let obey = (_order: StopOrder): void => process.exit(0);
  onStopOrder((order) => obey(order));
  const app = await createApp(ConfigModule.forRoot(AppConfig));
  const logger = app.get(StructuredLogger);
  const { host, port } = app.get(LiveConfig).section(ServerConfig);
  await app.init();
  await app.get(WaitingRoom).close();
  await app.listen(port, host);
  const server = serverOf(app);
  const hasNews = app.get(FirstRunService).result !== null;
  if (!cluster.isWorker || cluster.worker?.id === 1 || hasNews) process.stdout.write(bannerOf(app, server));
  let stoppingSinceMs: number | null = null;
  const stop = async (lameDuckMs: number): Promise<void> => {
    if (stoppingSinceMs !== null) {
      // Asked again means now; but a terminal and npm each pass the same signal on.
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    stoppingSinceMs = performance.now();
    await app.get(Drain).run(server, lameDuckMs);
    await app.close();
    logger.flush();
    process.exit(0);
  };
  // A person at a terminal has no load balancer to wait for.
  const lameDuckMs = (signal: NodeJS.Signals): number => (signal === 'SIGINT' ? 0 : app.get(Drain).lameDuckMs);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(lameDuckMs(signal)));
  obey = ({ stop: signal, now }) => {
    if (now) process.exit(1);
    if (stoppingSinceMs === null) void stop(lameDuckMs(signal));
  };
}

/** Said once, by the process that starts the others. */
function checkModels(): void {
  try {
    loadModels();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${error.problems.join('\n')}\n`);
    process.exit(EXIT_CONFIG);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`The gateway could not start: ${text}\n`);
  process.exit(1);
}

const { environment } = loadConfigurationOrExit(AppConfig, true);
checkModels();
if (cluster.isPrimary && environment.workers > 1) superviseWorkers(environment.workers);
else serve().catch(fail);
