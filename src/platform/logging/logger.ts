import { Injectable, type LoggerService } from '@nestjs/common';
import { destination, pino, stdSerializers, type Logger } from 'pino';

/** Fields that may hold a secret, wherever they stand. */
const REDACTED = [
  'authorization',
  'cookie',
  'api_key',
  'apiKey',
  'password',
  'secret',
  'x-api-key',
  'api-key',
  'url',
].flatMap((name) =>
  [name, `*.${name}`, `*.*.${name}`].map((path) => path.replace(/([\w-]*-[\w-]*)$/, '["$1"]').replace('.[', '[')),
);

/** Nest tells of every module and route at the start; that is for those who look for a fault. */
const NOISY_CONTEXTS: ReadonlySet<unknown> = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
]);

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Some 16 KiB: as much as the sink writes at once. */
const LINES_AT_ONCE = 32;

const INFO = pino.levels.values['info'];

/** Only the name, message and stack of an error: its other fields may hold a request with its headers. */
function plainError(error: Error): object {
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message, stack };
}

/** JSON lines on standard output, in batches so that a line costs no system call of its own; also Nest's own logger. */
@Injectable()
export class StructuredLogger implements LoggerService {
  private readonly sink = destination({ sync: false, minLength: 4096 });
  /** Lines of requests that are not with the sink yet: it looks through all it holds each time it is given more. */
  private readonly lines: string[] = [];
  readonly root: Logger;
  private readonly timer: NodeJS.Timeout;

  constructor(level: string) {
    this.root = pino(
      { level, base: null, redact: { paths: REDACTED, censor: '***' }, serializers: { err: plainError } },
      this.sink,
    );
    // A quiet server's last lines appear within this time.
    this.timer = setInterval(() => {
      this.passOn();
      this.sink.flush();
    }, 250);
    this.timer.unref();
  }

  isLogged(level: Level): boolean {
    return this.root.isLevelEnabled(level);
  }

  /** A line of level `info` whose members are chosen and written as JSON by the caller: nothing in it is looked at. */
  line(members: string): void {
    const count = this.lines.push(`{"level":${INFO},"time":${Date.now()},${members}}\n`);
    if (count >= LINES_AT_ONCE) this.passOn();
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(NOISY_CONTEXTS.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Writes out what is buffered: before the process ends. */
  flush(): void {
    try {
      this.passOn();
      this.sink.flushSync();
    } catch {
      // Not open yet: nothing was written.
    }
  }

  private passOn(): void {
    if (this.lines.length === 0) return;
    this.sink.write(this.lines.join(''));
    this.lines.length = 0;
  }

  private write(level: Level, message: unknown, rest: unknown[]): void {
    this.passOn();
    const where = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    if (message instanceof Error) this.root[level]({ err: message, where });
    else if (typeof message === 'object' && message !== null) this.root[level]({ ...message, where });
    else this.root[level]({ where }, String(message));
  }
}
