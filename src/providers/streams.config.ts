import { IsBoolean, IsIn } from 'class-validator';

/** What happens to streams that do not end as planned. */
export class StreamsConfig {
  /**
   * When the client goes in the middle of a stream. `abort`: the call to the provider is stopped at once, and what has arrived
   * is counted. `drain`: the rest is read, for at most ten seconds, so that the provider's own figures are booked.
   */
  @IsIn(['abort', 'drain'])
  on_disconnect: 'abort' | 'drain' = 'abort';

  /**
   * Cut a stream, with an error event, once it has cost more than was reserved for it under a hard budget: a provider that
   * does not keep to the bound it was sent. `false`: it goes on, and the overrun grows with it.
   */
  @IsBoolean()
  cutoff = true;
}
