import { Logger } from '@nestjs/common';
import type { Clock } from '../../platform/clock';
import { Patience } from '../patience';
import { VectorIndex } from './vector-index';

/** Where vectors are, for who reads the log. */
export interface Whereabouts {
  readonly place: string;
  /** What an operator can do when they cannot be kept there. */
  readonly advice: string;
}

/** An index that another program holds for all replicas: what is there, only that one knows. */
export abstract class RemoteVectorIndex extends VectorIndex {
  override readonly isInProcess = false;
  private readonly logger = new Logger('Cache');
  private readonly patience: Patience;

  protected constructor(
    protected readonly clock: Clock,
    private readonly where: Whereabouts,
  ) {
    super();
    this.patience = new Patience(clock);
  }

  override mayHave(): boolean {
    return true;
  }

  override mayHaveLike(): boolean {
    return true;
  }

  override has(): boolean {
    return false;
  }

  /** Nobody waits for a program that has just failed three times. */
  protected async attempt<T>(ask: () => Promise<T>): Promise<T> {
    const { place, advice } = this.where;
    if (!this.patience.mayTry()) throw new Error(`the vectors in ${place} are left alone for a second`);
    try {
      const answer = await ask();
      this.patience.succeeded();
      return answer;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (this.patience.failed())
        this.logger.warn(
          `The vectors of the cache cannot be kept in ${place}, requests go on without: ${why}. ${advice}; else set cache.index to memory`,
        );
      throw error;
    }
  }
}
