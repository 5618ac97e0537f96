export { openUseLite } from './encoder/use-lite/use-lite-session';
export { cosine } from './encoder/prompt-encoder';
export { canonicalText } from './guard/canonical-text';
export { compareTexts } from './guard/compare';
export { judgeLikeness } from './likeness';
