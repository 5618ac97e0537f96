import { Client, type ClientConfig } from 'pg';

/** Key of the advisory lock that every user of the embedded server shares while it needs the server. */
const TENANCY_LOCK = 7_274_010;

/**
 * One process's claim on the embedded server, kept as long as its connection lives. Several processes (workers, a
 * migration beside a running gateway) use one server; the last one to leave stops it.
 */
export class Tenancy {
  private constructor(private readonly client: Client) {}

  /** Connects and claims. `onLost` is called once when the connection ends without `leave`. */
  static async enter(config: ClientConfig, onLost: () => void): Promise<Tenancy> {
    const client = new Client({ ...config, application_name: 'ai-gateway tenancy', keepAlive: true });
    // An idle connection reports its end here; unheard it would end the process.
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('select pg_advisory_lock_shared($1)', [TENANCY_LOCK]);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    const tenancy = new Tenancy(client);
    client.once('end', () => {
      if (!tenancy.left) onLost();
    });
    return tenancy;
  }

  private left = false;

  /** Gives the claim back. True when nobody else has one, in which case nobody can get one until `close`. */
  async leave(): Promise<boolean> {
    this.left = true;
    await this.client.query('select pg_advisory_unlock_shared($1)', [TENANCY_LOCK]);
    const result = await this.client.query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [
      TENANCY_LOCK,
    ]);
    return result.rows[0]?.alone === true;
  }

  async close(): Promise<void> {
    this.left = true;
    await this.client.end().catch(() => {});
  }
}
