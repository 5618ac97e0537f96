import { Module } from '@nestjs/common';
import { AccessModule } from '../../access';
import { Callers } from './callers';

/** Who may do what to whom, for the management API and the console alike. */
@Module({
  imports: [AccessModule],
  providers: [Callers],
  exports: [Callers],
})
export class AuthorityModule {}
