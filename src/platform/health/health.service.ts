import { Injectable, Logger } from '@nestjs/common';
import { answeredWithin } from '../../core/answered-within';

export interface DependencyHealth {
  /** `degraded`: it is away, and this replica can serve without it. */
  readonly status: 'up' | 'degraded' | 'down';
  readonly detail: string;
}

type Finding = string | Pick<DependencyHealth, 'status' | 'detail'>;

/** A check of one dependency; text means up, throwing means down. It must come back within a second. */
export type HealthCheck = () => Promise<Finding> | Finding;

/** A dependency that does not answer within this time is down. */
const CHECK_TIMEOUT_MS = 1000;

/** Whether this replica should get traffic. Modules register what they depend on. */
@Injectable()
export class HealthService {
  private readonly checks = new Map<string, HealthCheck>();
  private readonly logger = new Logger('Health');
  private draining = false;

  register(name: string, check: HealthCheck): void {
    this.checks.set(name, check);
  }

  /** From now on not ready: load balancers send no more. */
  startDraining(): void {
    this.draining = true;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Ready while nothing is down: what is degraded makes no replica refuse traffic that it could serve. */
  async ready(): Promise<{ ready: boolean; degraded: boolean; dependencies: Record<string, DependencyHealth> }> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await this.run(name, check)] as const),
    );
    const dependencies = Object.fromEntries(results);
    if (this.draining) dependencies['lifecycle'] = { status: 'down', detail: 'draining: this replica is stopping' };
    const statuses = Object.values(dependencies).map(({ status }) => status);
    return { ready: !statuses.includes('down'), degraded: statuses.includes('degraded'), dependencies };
  }

  private async run(name: string, check: HealthCheck): Promise<DependencyHealth> {
    try {
      const found = await answeredWithin(CHECK_TIMEOUT_MS, check());
      return typeof found === 'string' ? { status: 'up', detail: found } : found;
    } catch (error) {
      // Anybody may ask for readiness: a driver's own words may name hosts and users.
      this.logger.warn(`${name}: ${error instanceof Error ? error.message : 'failed'}`);
      return { status: 'down', detail: 'does not answer; the log says why' };
    }
  }
}
