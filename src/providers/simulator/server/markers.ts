/** What a prompt asks of the simulator in double square brackets. */
export interface Markers {
  /** Contents of every `[[fault:…]]`, joined by `;`. Empty: none. */
  readonly fault: string;
  /** `[[tokens:200]]`: how long the answer is. */
  readonly tokens: number | null;
  /** `[[say:hello]]`: the whole answer. */
  readonly say: string | null;
  /** `[[refuse]]`. */
  readonly refuse: boolean;
  /** `[[no-tools]]`: answer with text although tools are offered. */
  readonly noTools: boolean;
}

/** Bounded, so that a long prompt full of open brackets stays cheap. */
const MARKER = /\[\[([a-z-]+)(?::((?:(?!\]\])[\s\S]){0,8000}))?\]\]/g;
/** The longest answer that can be asked for: a stream of it is about 40 MB. */
const MOST_TOKENS = 200_000;

const NONE: Markers = Object.freeze({ fault: '', tokens: null, say: null, refuse: false, noTools: false });

export function readMarkers(text: string): Markers {
  if (!text.includes('[[')) return NONE;
  const faults: string[] = [];
  let tokens: number | null = null;
  let say: string | null = null;
  let refuse = false;
  let noTools = false;
  for (const [, name, value = ''] of text.matchAll(MARKER)) {
    if (name === 'fault') faults.push(value);
    if (name === 'tokens') tokens = Math.min(Math.max(1, Math.floor(Number(value) || 1)), MOST_TOKENS);
    if (name === 'say') say = value;
    if (name === 'refuse') refuse = true;
    if (name === 'no-tools') noTools = true;
  }
  return { fault: faults.join(';'), tokens, say, refuse, noTools };
}

/** The beginning of the prompt as a person wrote it: what an answer may quote. */
export const withoutMarkers = (text: string): string =>
  text.slice(0, 2_000).replace(MARKER, '').replace(/\s+/g, ' ').trim();

/** A fault changes how an answer arrives, not what it says. */
export const withoutFaults = (transcript: string): string =>
  transcript.includes('[[fault:') ? transcript.replace(/\[\[fault:[^\]]*\]\]/g, '') : transcript;
