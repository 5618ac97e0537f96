import 'reflect-metadata';
import { AppConfig } from '../app.config';
import { Environment } from '../platform/config/environment';
import { makeConfiguration } from '../platform/config/load-configuration';
import { importLiteLlm } from './import-config';

const VARIABLES = {
  OPENAI_API_KEY: 'sk-openai',
  ANTHROPIC_API_KEY: 'sk-anthropic',
  AZURE_EU_KEY: 'azure-eu',
  AZURE_US_KEY: 'azure-us',
  GROQ_API_KEY: 'gsk-groq',
};

/** The imported file as the gateway itself reads it: what it refuses was not imported. */
function load(text: string): { readonly root: AppConfig; readonly notes: readonly string[] } {
  const { yaml, notes } = importLiteLlm(text);
  const environment = Environment.read(VARIABLES);
  const { root } = makeConfiguration(
    { root: AppConfig, environment, variables: VARIABLES },
    { name: 'imported.yaml', text: yaml },
  );
  return { root, notes };
}

const TYPICAL = `
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_EU_KEY
      api_version: "2024-02-01"
      rpm: 480
      weight: 2
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-us
      api_base: https://us.openai.azure.com
      api_key: os.environ/AZURE_US_KEY
  - model_name: gpt-4o-mini
    litellm_params:
      model: gpt-4o-mini
  - model_name: claude-sonnet
    litellm_params:
      model: anthropic/claude-sonnet-4-20250514
      api_key: os.environ/ANTHROPIC_API_KEY
  - model_name: llama
    litellm_params:
      model: groq/llama-3.3-70b-versatile
    model_info: { mode: chat, input_cost_per_token: 0.00000059, output_cost_per_token: 0.00000079 }
  - model_name: local
    litellm_params: { model: ollama/llama3, api_base: "http://localhost:11434" }
  - model_name: bedrock-claude
    litellm_params: { model: bedrock/anthropic.claude-v2, aws_region_name: us-east-1 }
  - model_name: "anthropic/*"
    litellm_params: { model: "anthropic/*" }
router_settings:
  routing_strategy: latency-based-routing
  num_retries: 3
  model_group_alias: { gpt-4: gpt-4o, ghost: nothing }
  redis_host: os.environ/REDIS_HOST
litellm_settings:
  drop_params: true
  fallbacks:
    - gpt-4o: [claude-sonnet, bedrock-claude]
    - claude-sonnet: [gpt-4o]
general_settings:
  master_key: sk-master-secret
environment_variables: { REDIS_HOST: localhost }
`;

describe('the LiteLLM import', () => {
  it('makes a file that the gateway loads and that means the same', () => {
    const { root } = load(TYPICAL);
    const providers = root.providers.entries;
    expect(Object.keys(providers)).toEqual(['azure', 'azure-2', 'openai', 'anthropic', 'groq', 'ollama']);
    expect(providers['azure']).toMatchObject({
      type: 'openai-compatible',
      api_key: 'azure-eu',
      base_url: 'https://eu.openai.azure.com/openai/v1',
      models: ['gpt-4o-eu'],
    });
    expect(providers['openai']).toMatchObject({ type: 'openai', api_key: 'sk-openai', models: ['gpt-4o-mini'] });
    expect(providers['ollama']).toMatchObject({
      base_url: 'http://localhost:11434/v1',
      allow_private_network: true,
    });
    const models = root.models.entries;
    expect(models['gpt-4o']).toMatchObject({
      strategy: 'least_latency',
      targets: [
        { provider: 'azure', model: 'gpt-4o-eu', weight: 2 },
        { provider: 'azure-2', model: 'gpt-4o-us' },
      ],
      fallbacks: ['claude-sonnet'],
    });
    expect(models['gpt-4']?.targets).toHaveLength(2);
    expect(models['claude-sonnet']?.targets).toMatchObject([
      { provider: 'anthropic', model: 'claude-sonnet-4-20250514' },
    ]);
    expect(root.routing).toMatchObject({ fallback: 'explicit', retries: 3 });
    expect(root.pricing.overrides['groq/llama-3.3-70b-versatile']).toMatchObject({ input: '0.59', output: '0.79' });
  });

  it('names everything it could not carry over, with its place', () => {
    const { notes } = load(TYPICAL);
    const expected = [
      'model_list[0].litellm_params.api_version (gpt-4o)',
      'model_list[0].litellm_params.rpm (gpt-4o)',
      'model_list[4].model_info.mode (llama)',
      'model_list[6] (bedrock-claude): there is no provider type for "bedrock"',
      'model_list[7]: the wildcard "anthropic/*"; list the models one by one',
      'router_settings.model_group_alias.ghost: "nothing" was not carried over',
      'fallbacks.gpt-4o: "bedrock-claude" was not carried over',
      'fallbacks.claude-sonnet: "gpt-4o" leads back to it',
      'router_settings.redis_host',
      'litellm_settings.drop_params',
      'general_settings.master_key',
      'environment_variables',
    ];
    expect([...notes].sort()).toEqual([...expected].sort());
  });

  it('lists every member it does not know, in every section', () => {
    const { notes } = load(`
model_list:
  - model_name: fast
    litellm_params: { model: gpt-4o, tags: [a], api_base: "https://a.example/v1", base_url: "https://b.example/v1", weight: -1 }
    model_info: { base_model: gpt-4o, access_groups: [beta], output_cost_per_token: 0.1 }
    surprise: 1
router_settings: { cooldown_time: 5, num_retries: 99, model_group_alias: { quick: { model: fast, hidden: true }, fast: fast } }
litellm_settings: { cache: true, num_retries: 2, fallbacks: [fast, { quick: fast }] }
general_settings: { database_url: "postgres://x" }
`);
    const expected = [
      'model_list[0].litellm_params.tags (fast)',
      'model_list[0].litellm_params.base_url (fast)',
      'model_list[0].litellm_params.weight (fast)',
      'model_list[0].model_info.base_model (fast)',
      'model_list[0].model_info.access_groups (fast)',
      'model_list[0].model_info.output_cost_per_token: it has no price for the input beside it',
      'model_list[0].surprise (fast)',
      'router_settings.cooldown_time',
      'router_settings.num_retries 99: 10 is written instead',
      'router_settings.model_group_alias.quick.hidden',
      'router_settings.model_group_alias.fast: model_list has a model of that name',
      'litellm_settings.cache',
      'litellm_settings.num_retries',
      'fallbacks.quick: it is no list of models',
      'fallbacks: "fast" is no list of models by name',
      'general_settings.database_url',
    ];
    expect([...notes].sort()).toEqual([...expected].sort());
  });

  it('writes the most retries it may, a price for input alone, and no prefix that repeats the vendor', () => {
    const { root, notes } = load(`
model_list:
  - model_name: embed
    litellm_params: { model: text-embedding-3-small, input_cost_per_token: 0.00000002 }
  - model_name: llama
    litellm_params: { model: groq/llama-3, custom_llm_provider: groq }
  - model_name: oss
    litellm_params: { model: openai/gpt-oss-120b, custom_llm_provider: groq }
litellm_settings: { num_retries: 99 }
general_settings: [a list]
`);
    expect(root.routing.retries).toBe(10);
    expect(root.pricing.overrides['openai/text-embedding-3-small']).toMatchObject({ input: '0.02', output: '0' });
    expect(root.providers.entries['groq']?.models).toEqual(['llama-3', 'openai/gpt-oss-120b']);
    expect(notes).toEqual(['litellm_settings.num_retries 99: 10 is written instead', 'general_settings']);
  });

  it('never repeats a key that stands in the file', () => {
    const { yaml, notes } = importLiteLlm(`
model_list:
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-4o, api_key: sk-very-secret }
`);
    expect(yaml).not.toContain('sk-very-secret');
    expect(notes.join()).not.toContain('sk-very-secret');
    expect(yaml).toContain('${OPENAI_API_KEY}');
    expect(notes).toEqual([expect.stringContaining('put it into the environment as OPENAI_API_KEY')]);
  });

  it('an alias with a slash gets another name, an unknown strategy the default', () => {
    const { root, notes } = load(`
model_list:
  - model_name: openai/gpt-4o
    litellm_params: { model: openai/gpt-4o }
  - model_name: openai/gpt-4o
    litellm_params: { model: openai/gpt-4o-mini }
router_settings: { routing_strategy: usage-based-routing-v2 }
`);
    expect(root.models.entries['openai-gpt-4o']).toMatchObject({ strategy: 'weighted' });
    expect(notes).toContain('router_settings.routing_strategy "usage-based-routing-v2": weighted is used instead');
    expect(notes).toContain('model_list[0].model_name "openai/gpt-4o": clients ask for "openai-gpt-4o" now');
  });

  it('a name that is a provider’s own stays that provider’s, and what it loses is told', () => {
    const { root, notes } = load(`
model_list:
  - { model_name: gpt-4o, litellm_params: { model: gpt-4o } }
  - { model_name: gpt-4o-mini, litellm_params: { model: gpt-4o-mini } }
router_settings: { fallbacks: [{ gpt-4o: [gpt-4o-mini] }] }
`);
    expect(root.models.entries).toEqual({});
    expect(root.providers.entries['openai']?.models).toEqual(['gpt-4o', 'gpt-4o-mini']);
    expect(notes).toEqual([expect.stringContaining('left out: its fallbacks (gpt-4o-mini)')]);
  });

  it.each([
    ['no model_list', 'general_settings: {}', 'no model_list'],
    [
      'nothing that can be carried over',
      'model_list: [{ model_name: a, litellm_params: { model: sagemaker/x } }]',
      'no provider type for "sagemaker"',
    ],
    ['no YAML', 'model_list: [}', 'at line 1'],
  ])('a file with %s is refused', (_, text, message) => {
    expect(() => importLiteLlm(text)).toThrow(message);
  });
});
