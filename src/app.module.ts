import { Global, Module, type DynamicModule } from '@nestjs/common';
import { AdminModule } from './admin';
import { BillingModule, KnownModels, OfferedModels, PricePreview, ProviderTypes } from './billing';
import { OwnCalls } from './core/own-calls';
import { DispatchedOwnCalls, GatewayModule } from './gateway';
import { DatabaseModule } from './platform/database';
import { WaitingRoom } from './platform/lifecycle/waiting-room';
import { PlatformModule } from './platform/platform.module';
import { RedisModule } from './platform/redis/redis.module';
import { SecretsModule } from './platform/secrets/secrets.module';
import { ProviderRegistry, ProvidersModule, TargetLimits, TargetPrices } from './providers';

/** Billing asks what kind of provider stands behind a name, and what is offered; the registry knows, and neither module imports the other. */
@Global()
@Module({
  imports: [ProvidersModule],
  providers: [
    { provide: ProviderTypes, useExisting: ProviderRegistry },
    { provide: OfferedModels, useExisting: ProviderRegistry },
  ],
  exports: [ProviderTypes, OfferedModels],
})
class ProviderTypesModule {}

/** Routing asks what a call costs at a target and how much that reads and writes; billing's catalogue knows. */
@Global()
@Module({
  imports: [BillingModule],
  providers: [
    { provide: TargetPrices, useExisting: PricePreview },
    { provide: TargetLimits, useExisting: KnownModels },
  ],
  exports: [TargetPrices, TargetLimits],
})
class TargetFactsModule {}

/** The cache has calls to make; the gateway knows how calls are made, and it is the gateway that uses the cache. */
@Global()
@Module({
  imports: [GatewayModule],
  providers: [{ provide: OwnCalls, useExisting: DispatchedOwnCalls }],
  exports: [OwnCalls],
})
class OwnCallsModule {}

/** Only who serves waits for its database with an open port: a command that uses the same modules gives up instead. */
@Global()
@Module({ providers: [WaitingRoom], exports: [WaitingRoom] })
class WaitingRoomModule {}

/** The composition root: every module, and the configuration they read. */
@Module({})
export class AppModule {
  static with(configuration: DynamicModule): DynamicModule {
    return {
      module: AppModule,
      imports: [
        configuration,
        PlatformModule,
        WaitingRoomModule,
        DatabaseModule,
        SecretsModule,
        RedisModule,
        ProviderTypesModule,
        TargetFactsModule,
        OwnCallsModule,
        BillingModule,
        GatewayModule,
        AdminModule,
      ],
    };
  }
}
