import path from 'node:path';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { MODEL_CAPABILITIES, type ModelCapability } from '../../core/model-facts';
import { Environment } from '../../platform/config/environment';
import { MapOf, noEntries } from '../../platform/config/fields';
import { makeConfiguration, readConfigFile, type ConfigText } from '../../platform/config/load-configuration';
import { RootConfig, type Finding } from '../../platform/config/root-config';
import { AreNames } from '../../platform/config/validators';
import { ServiceTierPrices } from '../pricing.config';

/** `src/` and `dist/` lie at the same depth, so this is `config/models.yaml` at the top level from both. */
const MODELS_FILE = path.resolve(__dirname, '..', '..', '..', 'config', 'models.yaml');
const MEND = 'put the file of the release back';

/** No model reads or writes more tokens than this; a larger figure is a slip. */
const MAX_TOKENS = 100_000_000;

/** What the file says of one model. What is left out is not known. */
export class CuratedModel {
  /** Tokens of the prompt and the answer together. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TOKENS)
  context_window?: number;

  /** Tokens of the longest answer. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TOKENS)
  max_output_tokens?: number;

  @IsOptional()
  @IsIn(MODEL_CAPABILITIES, { each: true })
  capabilities?: ModelCapability[];

  /** Other names of the same model. */
  @AreNames()
  aliases: string[] = [];

  /** Prices of service tiers. What a tier leaves out costs what it costs in the ordinary one. */
  @MapOf(() => ServiceTierPrices)
  service_tiers: Record<string, ServiceTierPrices> = noEntries();
}

/** The curated file: models by the vendor that makes them. */
export class ModelsFile extends RootConfig {
  @MapOf(() => CuratedModel)
  openai: Record<string, CuratedModel> = noEntries();

  @MapOf(() => CuratedModel)
  anthropic: Record<string, CuratedModel> = noEntries();

  override complete(): void {
    // Nothing in it depends on anything else.
  }

  override check(): Finding[] {
    return [...findingsIn('openai', this.openai), ...findingsIn('anthropic', this.anthropic)];
  }
}

function findingsIn(vendor: string, models: Readonly<Record<string, CuratedModel>>): Finding[] {
  const owners = new Map(Object.keys(models).map((name) => [name, name]));
  return Object.entries(models).flatMap(([name, { aliases, context_window: window, max_output_tokens: longest }]) => {
    const found: Finding[] = [];
    for (const [index, alias] of aliases.entries()) {
      const owner = owners.get(alias);
      if (owner === undefined) owners.set(alias, name);
      else
        found.push({ path: [vendor, name, 'aliases', index], message: `"${alias}" is a name of "${owner}" already` });
    }
    if (window !== undefined && longest !== undefined && longest > window) {
      const message = `is larger than the context window (${window}), which holds the answer too`;
      found.push({ path: [vendor, name, 'max_output_tokens'], message });
    }
    return found;
  });
}

/** Throws `ConfigurationError` with every problem, one line each, with its place in the file. */
export function readModels(source: ConfigText): ModelsFile {
  return makeConfiguration({ root: ModelsFile, environment: Environment.read({}), variables: {} }, source).root;
}

/** The file that ships with the gateway. Throws `ConfigurationError` when it is not there or cannot be used. */
export function loadModels(file: string = MODELS_FILE): ModelsFile {
  return readModels(readConfigFile(file, MEND));
}
