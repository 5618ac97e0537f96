import type { JsonObject } from '../../../core/chat';
import { asObject, asText } from '../anthropic/to-canonical.fields';
import { CallItem, type ItemPlace } from './from-canonical.items';

interface TrackedCall {
  readonly id: string;
  readonly item: CallItem;
  readonly outputIndex: number;
}

/**
 * Puts the pieces of calls together. Compatible servers leave out indexes or repeat them, and send empty ids: a call is
 * told apart by its id, else by its index, else it is the one that was told last.
 */
export class CallDeltas {
  private readonly calls: TrackedCall[] = [];
  private readonly byIndex = new Map<unknown, TrackedCall>();
  private last: TrackedCall | null = null;

  constructor(private readonly place: () => ItemPlace) {}

  get hasCalls(): boolean {
    return this.calls.length > 0;
  }

  push(delta: JsonObject): void {
    const { name, arguments: text } = asObject(delta['function']);
    const call = this.known(delta) ?? this.open(delta, asText(name));
    this.last = call;
    call.item.add(typeof text === 'object' && text !== null ? JSON.stringify(text) : asText(text));
  }

  /** Ends all calls, in the order they began. */
  close(status: 'completed' | 'incomplete'): { readonly outputIndex: number; readonly item: JsonObject }[] {
    return this.calls.map(({ item, outputIndex }) => ({ outputIndex, item: item.close(status) }));
  }

  private known({ id, index, function: target }: JsonObject): TrackedCall | null {
    const name = asText(asObject(target)['name']);
    const sent = asText(id);
    if (sent !== '') return this.calls.find((call) => call.id === sent) ?? null;
    const byIndex = index === undefined || index === null ? null : this.byIndex.get(index);
    if (byIndex !== null) return byIndex ?? null;
    // Without id and index a name begins a new call.
    return name === '' ? this.last : null;
  }

  private open({ id, index }: JsonObject, name: string): TrackedCall {
    const place = this.place();
    const callId = asText(id) || `call_gateway_${place.responseId}_${this.calls.length}`;
    const call = { id: callId, item: new CallItem(place, callId, name), outputIndex: place.outputIndex };
    this.calls.push(call);
    if (index !== undefined && index !== null) this.byIndex.set(index, call);
    return call;
  }
}
