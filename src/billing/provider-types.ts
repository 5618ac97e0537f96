/** Tells what kind of provider stands behind a configured name. The application binds it to the provider configuration. */
export abstract class ProviderTypes {
  /** `openai`, `anthropic`, `openai-compatible` or `simulator`. */
  abstract typeOf(providerName: string): string;
}
