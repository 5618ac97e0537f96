import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Body, Get, Post, Query as Parameters, Res } from '@nestjs/common';
import type { Response } from 'express';
import { ProviderRegistry } from '../../../providers';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { PlaygroundCalls } from '../data/playground-calls';
import { Pages, viewerIn } from '../render/pages';
import { problemOf, textOf, type Query } from './fields';
import { chatBodyOf } from './playground-form';

const CALL_TIMEOUT_MS = 600_000;
const DEFAULTS = { max_tokens: '400', temperature: '' };

@ConsoleController('playground')
export class PlaygroundController {
  constructor(
    private readonly pages: Pages,
    private readonly calls: PlaygroundCalls,
    private readonly providers: ProviderRegistry,
  ) {}

  @Get()
  @Permit('playground.use')
  async form(@Parameters() query: Query, @Res() response: Response): Promise<void> {
    await this.show(response, { ...DEFAULTS, model: textOf(query, 'model') ?? this.providers.modelNames[0] ?? '' });
  }

  /** Without scripts: the whole answer at once. */
  @Post()
  @Permit('playground.use')
  async send(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const answer = await this.call(response, form, false);
      const text = await answer.text();
      const requestId = answer.headers.get('x-request-id');
      await this.show(response, form, { answer: { text: answerIn(text), status: `HTTP ${answer.status}`, requestId } });
    } catch (error) {
      await this.show(response, form, { problem: problemOf(error) }, 400);
    }
  }

  /** The stream of the gateway as it comes; what is wrong with the form comes as JSON. */
  @Post('stream')
  @Permit('playground.use')
  async stream(@Body() form: Query, @Res() response: Response): Promise<void> {
    try {
      const answer = await this.call(response, form, true);
      response.status(answer.status);
      for (const name of ['content-type', 'x-request-id', 'x-gateway-cache']) {
        const value = answer.headers.get(name);
        if (value !== null) response.setHeader(name, value);
      }
      if (!answer.body) response.end();
      else await pipeline(Readable.fromWeb(answer.body), response);
    } catch (error) {
      // Who leaves needs no answer.
      if (response.destroyed || response.headersSent) return;
      response.status(400).json({ problem: problemOf(error) });
    }
  }

  private call(response: Response, form: Query, isStream: boolean): Promise<globalThis.Response> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    return this.calls.send(viewerIn(response), {
      teamId: textOf(form, 'team_id') ?? '',
      body: chatBodyOf(form, isStream),
      isFresh: form['no_cache'] !== undefined,
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
    });
  }

  private async show(response: Response, values: Query, more: object = {}, status = 200): Promise<void> {
    const teams = await this.calls.teamsOf(viewerIn(response));
    const chosen = textOf(values, 'team_id');
    const choices = teams.map(({ id, name }) => ({ id, name, isChosen: id === chosen }));
    const model = { title: 'Playground', values, teams: choices, models: this.providers.modelNames, ...more };
    this.pages.show(response, 'playground', model, status);
  }
}

interface Answer {
  readonly choices?: readonly { readonly message?: { readonly content?: unknown } }[];
  readonly error?: { readonly message?: unknown };
}

/** What a person reads of an answer; what is none is shown as it is. */
function answerIn(text: string): string {
  try {
    const { choices, error } = JSON.parse(text) as Answer;
    const content = choices?.[0]?.message?.content ?? error?.message;
    return typeof content === 'string' ? content : text;
  } catch {
    return text;
  }
}
