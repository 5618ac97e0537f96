/** A recorded request that no model of the other kind can take: the field it is refused for, and why. */
export interface ReplayException {
  readonly param: string;
  readonly why: string;
}

const ONE_ANSWER = {
  param: 'n',
  why: 'Anthropic gives one answer a call; several calls would cost several prompts unasked',
};
const LEGACY = {
  param: 'functions',
  why: 'the answer could not be given in the form that a client of the legacy functions API reads',
};
const HEARS_NOTHING = { param: 'messages[0].content[1]', why: 'no Anthropic model hears audio' };

/** Chat Completions requests for Anthropic models. */
export const CHAT_TO_ANTHROPIC: Readonly<Record<string, ReplayException>> = {
  'openai-chat-0d4d08d201': ONE_ANSWER,
  'openai-chat-8a2c6804cd': ONE_ANSWER,
  'openai-chat-188754eb48': LEGACY,
  'openai-chat-2092db6ca5': LEGACY,
  'openai-chat-4d729229a2': LEGACY,
  'openai-chat-3d0c9edacc': HEARS_NOTHING,
  'openai-chat-7c4c78dada': HEARS_NOTHING,
  'openai-chat-8c0e2f16bb': { param: 'audio', why: 'no Anthropic model speaks' },
  'openai-chat-b0045f44ad': { param: 'messages', why: 'it has no messages: OpenAI refused it too' },
  'openai-chat-c701a564d2': {
    param: 'messages[3].content[0].file.file_id',
    why: 'the file lies at OpenAI, where Anthropic cannot read it',
  },
  'openrouter-chat-8ed8a2c220': { param: 'tools[0].type', why: 'the tool runs at OpenRouter' },
};

const toolRunsThere = (param = 'tools[0].type'): ReplayException => ({
  param,
  why: 'the tool runs at Anthropic, or in a way that only Claude models were taught',
});
const CONTAINER = { param: 'container', why: 'the container, with its files and skills, is at Anthropic' };
const MCP = {
  param: 'mcp_servers',
  why: 'Anthropic itself calls these MCP servers; a chat body has no place for them',
};
const added = (place: string): ReplayException => ({
  param: `messages[${place}].content[0].type`,
  why: 'a tool that becomes available in mid-conversation: a chat body has its tools from the start',
});
const FILE = {
  param: 'messages[2].content[0].content[0].source.file_id',
  why: 'the file lies at Anthropic, where OpenAI cannot read it',
};
const UPLOAD = { param: 'messages[0].content[1].type', why: 'the file is for a container at Anthropic' };

/** Messages requests for OpenAI models. */
export const MESSAGES_TO_OPENAI: Readonly<Record<string, ReplayException>> = {
  'anthropic-messages-11162893f9': CONTAINER,
  'anthropic-messages-4c7eaeb628': CONTAINER,
  'anthropic-messages-821c7a83b8': CONTAINER,
  'anthropic-messages-8274e24445': CONTAINER,
  'anthropic-messages-1b754756a5': toolRunsThere(),
  'anthropic-messages-2a3f258c7a': toolRunsThere(),
  'anthropic-messages-43f2c18c24': toolRunsThere(),
  'anthropic-messages-47fa94c556': toolRunsThere(),
  'anthropic-messages-560a109131': toolRunsThere(),
  'anthropic-messages-67f319b1e2': toolRunsThere(),
  'anthropic-messages-912848905e': toolRunsThere(),
  'anthropic-messages-91a03fdcc3': toolRunsThere(),
  'anthropic-messages-9becb93893': toolRunsThere(),
  'anthropic-messages-abfa1b4569': toolRunsThere(),
  'anthropic-messages-1d63988c17': MCP,
  'anthropic-messages-4fbbfa8a61': MCP,
  'anthropic-messages-58e0017fd1': MCP,
  'anthropic-messages-2999649e24': added('3'),
  'anthropic-messages-2b913b22cd': added('3'),
  'anthropic-messages-93f8d5d256': added('3'),
  'anthropic-messages-9c33ded24a': added('1'),
  'anthropic-messages-d34860872e': added('3'),
  'anthropic-messages-47119b88ad': FILE,
  'anthropic-messages-73dee89181': FILE,
  'anthropic-messages-52389b77bb': UPLOAD,
  'anthropic-messages-fe8fbbaf7c': UPLOAD,
};
