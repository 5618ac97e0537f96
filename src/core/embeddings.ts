import { InferenceRequest, type ChatBody } from './chat';
import { InvalidRequestError } from './errors';

/** A request for the vectors of texts. */
export class EmbeddingsRequest extends InferenceRequest {
  /** Vectors cannot be asked for in a chat, so a provider without an embeddings API cannot serve the call. */
  override canonical(): ChatBody {
    throw new InvalidRequestError(
      `Model "${this.model.slice(0, 64)}" belongs to a provider without an embeddings API. Ask for an embeddings model, such as text-embedding-3-small; GET /v1/models lists what this key may use.`,
      'model',
    );
  }
}
