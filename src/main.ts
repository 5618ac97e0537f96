import './platform/lifecycle/early-stop';
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
import { DatabaseServer } from './platform/database/database-server';
import { Drain } from './platform/lifecycle/drain';
import { onStopSignal, type StopOrder } from './platform/lifecycle/stop-signal';
import { WaitingRoom } from './platform/lifecycle/waiting-room';
import { StructuredLogger } from './platform/logging/logger';
import { onStopOrder, superviseWorkers } from './workers';

async function serve(): Promise<void> {
  // Until something is served there is nothing to drain.
  let obey = (_order: StopOrder): void => process.exit(0);
  onStopSignal((order) => obey(order));
  onStopOrder((order) => obey(order));
  const app = await createApp(ConfigModule.forRoot(AppConfig));
  const logger = app.get(StructuredLogger);
  // However the process ends: the last lines are those that say why.
  process.once('exit', () => logger.flush());
  const { host, port } = app.get(LiveConfig).section(ServerConfig);
  await app.init();
  await app.get(WaitingRoom).close();
  await app.listen(port, host);
  app.get(DatabaseServer).mayOutliveUs();
  const server = serverOf(app);
  const hasNews = app.get(FirstRunService).result !== null;
  if (!cluster.isWorker || cluster.worker?.id === 1 || hasNews) process.stdout.write(bannerOf(app, server));
  const stop = async (lameDuckMs: number): Promise<void> => {
    await app.get(Drain).run(server, lameDuckMs);
    await app.close();
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

/** What to do about a port that cannot be had; null for any other fault. */
function listenFault(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { syscall, code, port } = error as NodeJS.ErrnoException & { readonly port?: number };
  // A worker asks the primary to bind for it.
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE')
    return `port ${port} is in use. Stop the program that listens there, or choose another port with PORT or server.port.`;
  if (code === 'EACCES')
    return `this user may not listen on port ${port}. Choose a port above 1023 with PORT or server.port, or allow it.`;
  return `port ${port} cannot be listened on (${String(code)}). Look at HOST and PORT, or server.host and server.port.`;
}

function fail(error: unknown): never {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${error.problems.join('\n')}\n`);
    process.exit(EXIT_CONFIG);
  }
  const text = listenFault(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.stderr.write(`The gateway could not start: ${text}\n`);
  process.exit(1);
}

const { environment } = loadConfigurationOrExit(AppConfig, true);
checkModels();
if (cluster.isPrimary && environment.workers > 1) superviseWorkers(environment.workers);
else serve().catch(fail);
