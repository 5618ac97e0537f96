/** The newest `capacity` items; older ones are forgotten. */
export class Ring<Item> {
  private items: Item[] = [];

  constructor(private readonly capacity: number) {}

  add(item: Item): void {
    this.items.push(item);
    // Trimmed in halves, so that adding stays cheap.
    if (this.items.length >= this.capacity * 2) this.items = this.items.slice(-this.capacity);
  }

  newest(): readonly Item[] {
    return this.items.slice(-this.capacity);
  }

  clear(): void {
    this.items = [];
  }
}
