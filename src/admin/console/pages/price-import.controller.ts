import { createHash } from 'node:crypto';
import { Body, Get, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { ImportedPrice, PriceImportResult } from '../../../billing';
import { InvalidRequestError } from '../../../core/errors';
import { formatUsdPerMillion } from '../../../core/money';
import { LiveConfig } from '../../../platform/config/live-config';
import { ServerConfig } from '../../../platform/http/server.config';
import { fromPriceImport } from '../../dtos/price-import.dto';
import { PriceManagement } from '../../management/price-management';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { showBytes } from '../render/format';
import { Pages, viewerIn } from '../render/pages';
import { problemOf, textOf, type Query } from './fields';

/** Nobody reads more on one page; the management API tells all. */
const MAX_ROWS = 200;

/** A LiteLLM price file: what it would change, then the change. */
@ConsoleController('prices/import')
export class PriceImportPageController {
  constructor(
    private readonly pages: Pages,
    private readonly management: PriceManagement,
    private readonly config: LiveConfig,
  ) {}

  @Get()
  @Permit('prices.write')
  form(@Res() response: Response): void {
    this.show(response, {});
  }

  @Post()
  @Permit('prices.write')
  async preview(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, form, async (file) => {
      const result = await this.management.previewImport(file);
      this.show(response, { file: form['file'], result: shownOf(result), seen: digestOf(result) });
    });
  }

  /** Only what was seen: with another text, or when prices have changed since, the new preview comes first. */
  @Post('apply')
  @Permit('prices.write')
  async apply(@Body() form: Query, @Res() response: Response): Promise<void> {
    await this.attempt(response, form, async (file) => {
      const seen = textOf(form, 'seen');
      const result = await this.management.import(viewerIn(response), file, (expected) => {
        if (digestOf(expected) !== seen) throw new OtherThanSeen(expected);
      });
      this.show(response, { result: shownOf(result), isApplied: true });
    });
  }

  private async attempt(
    response: Response,
    form: Query,
    work: (file: Readonly<Record<string, unknown>>) => Promise<void>,
  ): Promise<void> {
    try {
      await work(priceFileIn(form, this.maxBytes));
    } catch (error) {
      const { file } = form;
      if (error instanceof OtherThanSeen) {
        const { expected, message } = error;
        const preview = { result: shownOf(expected), seen: digestOf(expected) };
        this.show(response, { file, ...preview, ...toldOf(message) }, 409);
      } else this.show(response, { file, ...toldOf(problemOf(error).message) }, 400);
    }
  }

  private get maxBytes(): number {
    return this.config.section(ServerConfig).max_body_bytes;
  }

  private show(response: Response, model: object, status = 200): void {
    const { maxBytes } = this;
    const frame = { title: 'Import a price file', maxBytes, maxSize: showBytes(maxBytes) };
    this.pages.show(response, 'price-import', { ...frame, ...model }, status);
  }
}

/** Between the preview and its import the text was edited, or somebody set prices. */
class OtherThanSeen extends Error {
  constructor(readonly expected: PriceImportResult) {
    super('The text or the prices are no longer those of the preview. Nothing was imported: look at the new preview.');
  }
}

/** There is one field, so whatever is wrong is wrong with it. */
const toldOf = (message: string) => ({ problem: { message, fields: { file: message } } });

/** Throws `InvalidRequestError` for a text that is no price file, or longer than the management API takes one. */
function priceFileIn(form: Query, maxBytes: number): Readonly<Record<string, unknown>> {
  const text = typeof form['file'] === 'string' ? form['file'].trim() : '';
  if (text === '') throw new InvalidRequestError('Choose a file, or paste its content.');
  if (Buffer.byteLength(text) > maxBytes) {
    const size = showBytes(maxBytes);
    throw new InvalidRequestError(`The text is longer than ${size} (server.max_body_bytes): import a part of it.`);
  }
  const file = parsed(text);
  if (typeof file === 'object' && file !== null && !Array.isArray(file)) return file as Record<string, unknown>;
  throw new InvalidRequestError('The text is no price file: that is a JSON object with a member for each model.');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidRequestError(`The text is not JSON. ${error instanceof Error ? error.message : ''}`.trim());
  }
}

const digestOf = (result: PriceImportResult): string =>
  createHash('sha256')
    .update(JSON.stringify(fromPriceImport(result, true)))
    .digest('base64url');

function shownOf({ imported, unchanged, skipped, ignored }: PriceImportResult) {
  const rows = imported.map(rowOf).sort((left, right) => left.rank - right.rank);
  return {
    added: rows.filter(({ isNew }) => isNew).length,
    changed: rows.filter(({ isNew }) => !isNew).length,
    unchanged,
    refused: skipped.length,
    imported: rows.length,
    rows: rows.slice(0, MAX_ROWS),
    skipped: skipped.slice(0, MAX_ROWS),
    ignored: ignored.slice(0, MAX_ROWS).map(({ model, fields }) => ({ model, fields: fields.join(', ') })),
    isCut: Math.max(rows.length, skipped.length, ignored.length) > MAX_ROWS,
    maxRows: MAX_ROWS,
  };
}

/** In USD per million tokens. What changes most in the reader's eyes comes first: what had a price before. */
function rowOf({ model, before, after }: ImportedPrice) {
  const shown = ({ tiers: [base] }: ImportedPrice['after']) => ({
    input: formatUsdPerMillion(base.input),
    output: formatUsdPerMillion(base.output),
  });
  const [old, now] = [before && shown(before), shown(after)];
  const isSame = old !== null && old.input === now.input && old.output === now.output;
  return { model, before: old, after: now, isNew: old === null, isSame, rank: old === null ? 1 : 0 };
}
