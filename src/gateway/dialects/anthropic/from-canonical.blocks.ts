import type { JsonObject } from '../../../core/chat';

/** What an open block is; tools are told apart by their place among the calls. */
export type BlockKind = 'thinking' | 'text' | 'tool_use';

/**
 * Writes content blocks as Anthropic's clients expect them: numbered from 0 without gaps, one open at a time, every delta
 * of its block's type.
 */
export class BlockWriter {
  private index = -1;
  private kind: BlockKind | null = null;

  thinking(text: string): JsonObject[] {
    const start = this.begin('thinking', { type: 'thinking', thinking: '', signature: '' });
    return [...start, this.delta({ type: 'thinking_delta', thinking: text })];
  }

  text(text: string): JsonObject[] {
    const start = this.begin('text', { type: 'text', text: '' });
    return [...start, this.delta({ type: 'text_delta', text })];
  }

  /** Every call is a block of its own. */
  tool(id: string, name: string): JsonObject[] {
    return [...this.close(), ...this.begin('tool_use', { type: 'tool_use', id, name, input: {} })];
  }

  /** A piece of the open tool's arguments. */
  toolInput(json: string): JsonObject[] {
    return json === '' ? [] : [this.delta({ type: 'input_json_delta', partial_json: json })];
  }

  close(): JsonObject[] {
    if (this.kind === null) return [];
    this.kind = null;
    return [{ type: 'content_block_stop', index: this.index }];
  }

  private begin(kind: BlockKind, block: JsonObject): JsonObject[] {
    if (this.kind === kind) return [];
    const closing = this.close();
    this.index += 1;
    this.kind = kind;
    return [...closing, { type: 'content_block_start', index: this.index, content_block: block }];
  }

  private delta(delta: JsonObject): JsonObject {
    return { type: 'content_block_delta', index: this.index, delta };
  }
}
