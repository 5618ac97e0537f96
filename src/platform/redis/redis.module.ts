import { Global, Module } from '@nestjs/common';
import { RedisConnection } from './redis-connection';

/** The shared Redis connection. Without a URL there is none, and stores keep their state in the process. */
@Global()
@Module({ providers: [RedisConnection], exports: [RedisConnection] })
export class RedisModule {}
