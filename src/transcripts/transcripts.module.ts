import { Module } from '@nestjs/common';
import { TranscriptMetrics } from './transcript.metrics';
import { TranscriptRecorder } from './transcript-recorder';
import { TranscriptRetention } from './transcript-retention';
import { TranscriptSeals } from './transcript-seals';
import { TranscriptStore } from './transcript-store';
import { TranscriptsService } from './transcripts.service';

/** Prompts and answers of the teams that keep them. */
@Module({
  providers: [
    TranscriptMetrics,
    TranscriptRecorder,
    TranscriptRetention,
    TranscriptSeals,
    TranscriptStore,
    TranscriptsService,
  ],
  exports: [TranscriptRecorder, TranscriptsService],
})
export class TranscriptsModule {}
