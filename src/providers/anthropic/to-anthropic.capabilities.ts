/** What a model accepts, as far as translation depends on it. */
export interface AnthropicCapabilities {
  /** `output_config.format` and strict tools. */
  readonly structuredOutputs: boolean;
  /** `thinking: {type: adaptive}` with `output_config.effort`. */
  readonly adaptiveThinking: boolean;
  /** `temperature`, `top_p`, `top_k`. */
  readonly samplingParameters: boolean;
  /** Extended thinking of any kind. */
  readonly thinking: boolean;
  /** `thinking: {type: disabled}`; the newest models refuse it. */
  readonly disabledThinking: boolean;
  /** `temperature` and `top_p` in one request. */
  readonly bothSamplingParameters: boolean;
  /** `tool_choice` of type `any` or `tool`. */
  readonly forcedTools: boolean;
  /** `output_config.effort: xhigh`. */
  readonly xhighEffort: boolean;
  /** Messages of role `system` after a user turn. */
  readonly midConversationSystem: boolean;
}

interface ModelVersion {
  readonly family: string;
  /** 4.5 for `claude-sonnet-4-5-20250929`; null when the name does not tell. */
  readonly version: number | null;
}

const FAMILY_FIRST = /claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)/;
const VERSION_FIRST = /claude-(?:v|instant-)?(\d)(?:[-.](\d)(?!\d))?(?:-([a-z]+))?/;

function modelVersion(model: string): ModelVersion | null {
  const name = model.toLowerCase();
  if (!name.includes('claude')) return null;
  const versionFirst = VERSION_FIRST.exec(name);
  if (versionFirst) return { family: versionFirst[3] ?? '', version: toVersion(versionFirst[1], versionFirst[2]) };
  const familyFirst = FAMILY_FIRST.exec(name);
  if (familyFirst) return { family: familyFirst[1] ?? '', version: toVersion(familyFirst[2], familyFirst[3]) };
  return { family: '', version: null };
}

const toVersion = (major: string | undefined, minor: string | undefined): number =>
  Number(major ?? 0) + Number(minor ?? 0) / 10;

/** A model that is no Claude, behind an Anthropic-like API: the plainest request is the safest. */
const UNKNOWN_MODEL: AnthropicCapabilities = {
  structuredOutputs: false,
  adaptiveThinking: false,
  samplingParameters: true,
  thinking: false,
  disabledThinking: true,
  bothSamplingParameters: true,
  forcedTools: true,
  xhighEffort: false,
  midConversationSystem: false,
};

/** Newer than any name known here; a Claude without a readable version counts as the newest. */
const NEWEST = 99;

/** Families whose 5.0 already thinks always. */
const ALWAYS_THINKING = new Set(['fable', 'mythos']);

/**
 * Derives what a model accepts from its name (dated, aliased, or with a cloud's prefix and suffix).
 * Sources: Anthropic's model documentation, the model table of the Vercel AI SDK, and recorded refusals.
 */
export function anthropicCapabilities(model: string): AnthropicCapabilities {
  const known = modelVersion(model);
  if (!known) return UNKNOWN_MODEL;
  const { family } = known;
  const version = known.version ?? NEWEST;
  const isNewestSmall = family === 'haiku' && version >= 5.5;
  const alwaysThinks =
    (version >= 5.5 && !isNewestSmall && version !== NEWEST) || (ALWAYS_THINKING.has(family) && version >= 5);
  return {
    structuredOutputs: version >= 4.5 || (family === 'opus' && version === 4.1),
    adaptiveThinking: version >= 4.6,
    samplingParameters: version <= 4.6,
    thinking: version >= 3.7,
    disabledThinking: !alwaysThinks,
    bothSamplingParameters: version < 4.1,
    forcedTools: !(alwaysThinks && version > 5),
    xhighEffort: version >= 4.7,
    midConversationSystem: version >= 4.8,
  };
}
