import { Get, Param, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Transcript } from '../../../transcripts';
import { ContentReading } from '../../management/content-reading';
import { ConsoleController, Permit } from '../auth/console-controller.decorator';
import { Pages, viewerIn } from '../render/pages';
import { wordsOf } from './content-words';

@ConsoleController('requests')
export class ContentPageController {
  constructor(
    private readonly pages: Pages,
    private readonly content: ContentReading,
  ) {}

  /** What was asked and answered; that it was read is on record. */
  @Get(':id/content')
  @Permit('content.read')
  async show(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const transcript = await this.content.read(viewerIn(response), id);
    this.pages.show(response, 'content', {
      title: 'Prompt and answer',
      id,
      droppedAt: transcript.droppedAt,
      parts: [
        { title: 'Prompt', ...partOf(transcript.prompt) },
        { title: 'Answer', ...partOf(transcript.answer) },
      ],
    });
  }
}

const partOf = ({ value, found, isCut }: Transcript['prompt']) => ({
  words: wordsOf(value),
  json: value === null ? null : JSON.stringify(value, null, 2),
  isCut,
  redacted: Object.entries(found)
    .map(([name, count]) => `${count} ${name.replaceAll('_', ' ')}`)
    .join(', '),
});
