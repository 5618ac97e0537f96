import { Global, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Clock, SystemClock } from '../../src/platform/clock';
import { Environment } from '../../src/platform/config/environment';
import { LiveConfig } from '../../src/platform/config/live-config';
import { EventOutbox } from '../../src/platform/events/event-outbox';
import { RequestContexts } from '../../src/platform/http/request-contexts';

/** Every section as its class has it. */
class DefaultConfig extends LiveConfig {
  override readonly version = 'test';

  override section<T extends object>(type: Type<T>): T {
    return new type();
  }

  override onReload(): () => void {
    return () => {};
  }
}

/** What modules of the platform need around them, without a configuration file. */
@Global()
@Module({})
export class TestPlatform {
  static with(variables: Record<string, string>): DynamicModule {
    return {
      module: TestPlatform,
      providers: [
        { provide: Environment, useFactory: () => Environment.read(variables) },
        { provide: LiveConfig, useClass: DefaultConfig },
        { provide: Clock, useClass: SystemClock },
        RequestContexts,
        EventOutbox,
      ],
      exports: [Environment, LiveConfig, Clock, RequestContexts, EventOutbox],
    };
  }
}
