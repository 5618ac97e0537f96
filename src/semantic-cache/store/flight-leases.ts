/** The right to ask a provider for an answer, as long as it lasts. */
export interface Lease {
  renew(milliseconds: number): Promise<void>;
  release(): Promise<void>;
}

/** Says which replica asks for an answer. Rejects when the shared store is away. */
export abstract class FlightLeases {
  /** Null while another has it. It ends by itself after so long, unless it is renewed. */
  abstract take(id: string, milliseconds: number): Promise<Lease | null>;
}

/** For one replica: what happens in it, it knows without. */
export class LoneFlightLeases extends FlightLeases {
  override take(): Promise<Lease> {
    return Promise.resolve({ renew: () => Promise.resolve(), release: () => Promise.resolve() });
  }
}
