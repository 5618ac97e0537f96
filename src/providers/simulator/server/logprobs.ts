import { numberOf, type JsonObject } from './loose-json';
import type { Turn } from './turn';

/** The probabilities of each piece, when the request asks for them. Each is higher than its alternatives, all are negative. */
export function logprobsOf(pieces: readonly string[], turn: Turn): JsonObject | null {
  if (turn.body['logprobs'] !== true) return null;
  const alternatives = Math.min(Math.max(numberOf(turn.body['top_logprobs']) ?? 0, 0), 20);
  return { content: pieces.map((piece) => tokenLogprob(piece, alternatives)), refusal: null };
}

function tokenLogprob(piece: string, alternatives: number): JsonObject {
  const own = { token: piece, logprob: -0.01 - (piece.length % 7) / 50, bytes: [...Buffer.from(piece)] };
  const top: JsonObject[] = [];
  for (let rank = 0; rank < alternatives; rank += 1) {
    const token = rank === 0 ? piece : `${piece}${String.fromCharCode(96 + rank)}`;
    top.push({ token, logprob: own.logprob - rank * 1.75, bytes: [...Buffer.from(token)] });
  }
  return { ...own, top_logprobs: top };
}
