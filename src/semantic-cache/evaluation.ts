export { canonicalText } from './guard/canonical-text';
export { compareTexts } from './guard/compare';
