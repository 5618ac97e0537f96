import { IsIn, IsInt, Max, Min } from 'class-validator';
import { FixedAtBoot } from '../platform/config/fields';

const MEBIBYTE = 1024 * 1024;

/** The write-ahead journal of usage, in `$GATEWAY_DATA_DIR/journal`. */
export class JournalConfig {
  /**
   * When records go from the operating system to the disk. `interval`: every 50 ms. `each`: before every attempt, which
   * costs about 0.3 ms each. Both survive the death of the process; the difference is what a power loss may take.
   */
  @FixedAtBoot()
  @IsIn(['interval', 'each'])
  sync: 'interval' | 'each' = 'interval';

  /** Beyond this size (the database has been away for long) new calls are refused; no record is ever dropped. */
  @FixedAtBoot()
  @IsInt()
  @Min(16 * MEBIBYTE)
  @Max(1024 * 1024 * MEBIBYTE)
  max_bytes = 1024 * MEBIBYTE;
}
