import { Injectable, type ExecutionContext } from '@nestjs/common';
import type { ChatReply } from '../core/reply';
import { ReplyInterceptor } from '../platform/http/reply-interceptor';
import { RequestContexts } from '../platform/http/request-contexts';
import { BillingService } from './billing.service';
import { BudgetLadder } from './budgets/budget-ladder';

/** Opens the ledger of the request, so that every attempt behind it is priced and on record. */
@Injectable()
export class CostInterceptor extends ReplyInterceptor {
  constructor(
    private readonly contexts: RequestContexts,
    private readonly billing: BillingService,
    private readonly ladder: BudgetLadder,
  ) {
    super();
  }

  override around(execution: ExecutionContext, next: () => Promise<ChatReply>): Promise<ChatReply> {
    const context = this.contexts.from(execution);
    this.ladder.requirePayable(context);
    context.attempts = this.billing.openLedger(context);
    return next();
  }
}
