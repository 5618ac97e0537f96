import { frame, type Frame, type PreparedReply } from './frame';
import { fieldsOf, type JsonObject } from './loose-json';
import { completionUsage } from './openai-usage';
import { openAiError, SERVER_ERROR_TEXT } from './error-replies';
import { piecesOf } from './pieces';
import { outputTokensOfTurn, type Turn } from './turn';

/** The legacy completions endpoint: text pieces, `usage: null` on the way, the finish reason in a chunk of its own. */
export function prepareCompletion(turn: Turn): PreparedReply {
  const id = `cmpl-${turn.random.base62(29)}`;
  const created = Math.floor(turn.nowMs / 1000);
  const model = turn.prompt.model;
  const usage = turn.hideUsage ? {} : { usage: completionUsage(turn) };
  const usageAsked = fieldsOf(turn.body['stream_options'])['include_usage'] === true;
  const choice = (text: string, index: number, finish: string | null): JsonObject => ({
    text,
    index,
    logprobs: null,
    finish_reason: finish,
  });
  const chunk = (choices: readonly JsonObject[], piece: string): Frame =>
    frame(
      `data: ${JSON.stringify({ id, object: 'text_completion', created, choices, model, ...(usageAsked ? { usage: null } : {}) })}\n\n`,
      piece,
    );
  return {
    json: () =>
      JSON.stringify({
        id,
        object: 'text_completion',
        created,
        model,
        choices: turn.answers.map((answer, index) =>
          choice(answer.text, index, answer.finish === 'length' ? 'length' : 'stop'),
        ),
        ...usage,
      }),
    frames: () => {
      const frames: Frame[] = [];
      turn.answers.forEach((answer, index) => {
        for (const piece of piecesOf(answer.text)) frames.push(chunk([choice(piece, index, null)], piece));
        frames.push(chunk([choice('', index, answer.finish === 'length' ? 'length' : 'stop')], ''));
      });
      const last = { id, object: 'text_completion', created, model, ...usage, choices: [] };
      if (usageAsked && !turn.hideUsage) frames.push(frame(`data: ${JSON.stringify(last)}\n\n`));
      frames.push(frame('data: [DONE]\n\n'));
      return frames;
    },
    errorWire: () => `data: ${openAiError(SERVER_ERROR_TEXT, 'server_error', null, null)}\n\n`,
    malformedWire: 'data: {"id":"cmpl-broken","object":"text_comp\n\n',
    outputTokens: outputTokensOfTurn(turn),
    headTokens: 0,
  };
}
