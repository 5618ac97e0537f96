export { TranscriptRecorder } from './transcript-recorder';
export { TranscriptsModule } from './transcripts.module';
export { TranscriptsConfig } from './transcripts.config';
export { TranscriptsService, type Transcript } from './transcripts.service';
