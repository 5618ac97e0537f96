import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MortalGateway } from './mortal-gateway';
import { post } from './post';
import { numbered } from './truth';

export interface AskOptions {
  readonly stream?: boolean;
  readonly model?: string;
  readonly maxTokens?: number;
  /** The client leaves when it has read so many bytes. */
  readonly leaveAfterBytes?: number;
}

/** How one request of the load went. Status 0: the connection broke or the client left. */
export interface Asked {
  readonly call: number;
  readonly status: number;
  readonly text: string;
}

/** Whole gateways in processes of their own, which share a database and a volume, and numbered calls to them. */
export class Fleet {
  private calls = 0;

  private constructor(
    readonly members: readonly MortalGateway[],
    readonly dataDir: string,
    readonly apiKey: string,
  ) {}

  static async start(size: number, yaml: string, variables: Readonly<Record<string, string>>): Promise<Fleet> {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'gateway-fleet-'));
    const members: MortalGateway[] = [];
    for (let index = 0; index < size; index += 1)
      members.push(await MortalGateway.create({ yaml, dataDir, variables }));
    const [first, ...others] = members;
    await first?.start();
    await Promise.all(others.map((member) => member.start()));
    const secrets = JSON.parse(readFileSync(path.join(dataDir, 'first-run.json'), 'utf8')) as { api_key: string };
    return new Fleet(members, dataDir, secrets.api_key);
  }

  get journals(): string {
    return path.join(this.dataDir, 'journal');
  }

  /** A member by number, counted round. */
  member(index: number): MortalGateway {
    const member = this.members[index % this.members.length];
    if (!member) throw new Error('an empty fleet');
    return member;
  }

  /** One call, whatever becomes of it. */
  async ask(index: number, prompt: string, options: AskOptions = {}): Promise<Asked> {
    const call = this.calls;
    this.calls += 1;
    const headers = { authorization: `Bearer ${this.apiKey}`, ...numbered(call) };
    const body = {
      model: options.model ?? 'gpt-4o-mini',
      messages: [{ role: 'user', content: prompt }],
      ...(options.stream ? { stream: true } : {}),
      ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
    };
    const { leaveAfterBytes: afterBytes } = options;
    const leave = afterBytes === undefined ? {} : { afterBytes };
    const { status, text } = await post(`${this.member(index).url}/v1/chat/completions`, headers, body, leave);
    return { call, status, text };
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
