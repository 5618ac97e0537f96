import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { RequestContexts } from '../platform/http/request-contexts';
import { BillingService } from './billing.service';
import { BudgetLadder } from './budgets/budget-ladder';

/** Opens the ledger of the request, so that every attempt behind it is priced and on record. */
@Injectable()
export class CostInterceptor implements NestInterceptor {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly billing: BillingService,
    private readonly ladder: BudgetLadder,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const context = this.contexts.from(execution);
    this.ladder.requirePayable(context);
    context.attempts = this.billing.openLedger(context);
    return next.handle();
  }
}
