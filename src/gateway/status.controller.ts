import type { ServerResponse } from 'node:http';
import { Controller, Get, Header, HttpStatus, Res } from '@nestjs/common';
import { HealthService } from '../platform/health/health.service';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { DocumentHealth, DocumentLive, DocumentMetrics, DocumentReady } from './openapi/status.docs';

/** What load balancers, orchestrators and Prometheus ask. No key needed, no secret told. */
@Controller()
export class StatusController {
  constructor(
    private readonly health: HealthService,
    private readonly metrics: MetricsRegistry,
  ) {}

  @Get('/health')
  @DocumentHealth()
  status(): object {
    return { status: 'ok' };
  }

  @Get('/health/live')
  @DocumentLive()
  live(): object {
    return { status: 'ok' };
  }

  @Get('/health/ready')
  @DocumentReady()
  async ready(@Res({ passthrough: true }) response: ServerResponse): Promise<object> {
    const { ready, degraded, dependencies } = await this.health.ready();
    response.statusCode = ready ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE;
    const status = degraded ? 'degraded' : 'ok';
    return { status: ready ? status : 'unavailable', dependencies };
  }

  @Get('/metrics')
  @DocumentMetrics()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  expose(): Promise<string> {
    return this.metrics.expose();
  }
}
