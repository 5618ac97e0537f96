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
import { onStopSignal, type StopOrder } from './platform/lifecycle/stop-signal';
import { WaitingRoom } from './platform/lifecycle/waiting-room';
import { StructuredLogger } from './platform/logging/logger';
import { onStopOrder, superviseWorkers } from './workers';

async function serve(): Promise<void> {
  // Until something is served there is nothing to drain. The first process of a container would not end by itself.
  let obey = (_order: StopOrder): void => process.exit(0);
  onStopSignal((order) => obey(order));
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
  const stop = async (lameDuckMs: number): Promise<void> => {
    await app.get(Drain).run(server, lameDuckMs);
    await app.close();
    logger.flush();
    process.exit(0);
  };
  let isStopping = false;
  obey = ({ signal, now }) => {
    if (now) process.exit(1);
    if (isStopping) return;
    isStopping = true;
    // A person at a terminal has no load balancer to wait for.
    void stop(signal === 'SIGINT' ? 0 : app.get(Drain).lameDuckMs);
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
