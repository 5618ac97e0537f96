import { IsInt, IsOptional, IsString, IsNotEmpty, Max, Min } from 'class-validator';
import { Duration, FixedAtBoot } from '../config/fields';
import { AreAddresses, AreNames } from '../config/validators';

/** Where the gateway listens and how it starts and stops. */
export class ServerConfig {
  /** TCP port to listen on. `PORT` overrides it; `0` lets the system choose. A change needs a restart. */
  @FixedAtBoot()
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 8080;

  /** Address to listen on. `HOST` overrides it; `127.0.0.1` serves this machine only. A change needs a restart. */
  @FixedAtBoot()
  @IsString()
  @IsNotEmpty()
  host = '0.0.0.0';

  /**
   * The largest request body in bytes; a larger one is answered with 413 while it still streams in. For the management API
   * a change needs a restart.
   */
  @IsInt()
  @Min(1_024)
  @Max(1_073_741_824)
  max_body_bytes = 10_485_760;

  /**
   * Addresses or CIDR ranges of the load balancers whose `x-forwarded-for` is believed, for example `[10.0.0.0/8]`.
   * Empty: the address of the connection is the client's. A change needs a restart.
   */
  @FixedAtBoot()
  @AreAddresses()
  trusted_proxies: string[] = [];

  /**
   * After SIGTERM: how long new requests are still taken while readiness already answers 503, so that load balancers can
   * look away.
   */
  @Duration()
  @Max(3_600_000)
  lame_duck = 5_000;

  /** After `lame_duck`: how long running requests and streams may take to end before they are cut with an error event. */
  @Duration()
  @Max(86_400_000)
  drain = 600_000;

  /**
   * Host names the console and the management API answer to, for example `[gateway.example.com]`; others get 421. Absent:
   * any.
   * @example [gateway.example.com]
   */
  @IsOptional()
  @AreNames()
  allowed_hosts?: string[];
}
