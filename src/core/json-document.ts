/** A parsed JSON body that keeps its bytes. */
export class JsonDocument {
  constructor(
    readonly bytes: Buffer,
    readonly value: unknown,
  ) {}
}
