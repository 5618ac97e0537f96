import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { NativeSection } from './native-section';

/** An ONNX model on one core. Every call into the runtime is inside the native section of its thread. */
export class OnnxSession {
  private constructor(
    private readonly session: InferenceSession,
    private readonly native: NativeSection,
  ) {}

  /** `model`: its bytes, or the file that holds it. Rejects with the runtime's reason when it cannot be loaded. */
  static async open(model: Buffer | string, native = new NativeSection()): Promise<OnnxSession> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    const session = await native.run(() =>
      typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options),
    );
    return new OnnxSession(session, native);
  }

  get inputs(): InferenceSession['inputMetadata'] {
    return this.session.inputMetadata;
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  run(feeds: Readonly<Record<string, Tensor>>): Promise<InferenceSession.OnnxValueMapType> {
    return this.native.run(() => this.session.run(feeds));
  }
}
