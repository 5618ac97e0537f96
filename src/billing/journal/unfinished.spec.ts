import { Unfinished } from './unfinished';

describe('Unfinished', () => {
  const row = { id: 'att_1', request_id: 'req_1', index: 1, key_id: 'key_1' };
  const asked = { started_at: '2026-11-28T12:00:00.000Z', endpoint: '/v1/chat/completions' };

  it('holds what a journal has begun, and nothing of the piece of the journal around it', () => {
    const unfinished = new Unfinished();
    const piece = Buffer.alloc(1024 * 1024, ' ');
    const json = piece.subarray(10, 10 + piece.write(JSON.stringify(row), 10));
    unfinished.follow({ kind: 'intent', attempt: { json, booking: null }, asked: Buffer.from(JSON.stringify(asked)) });
    const [attempt] = unfinished.takeAttempts(0);
    const [request] = unfinished.takeRequests(0);
    expect(JSON.parse(String(attempt?.json))).toEqual(row);
    expect(JSON.parse(request ?? '')).toMatchObject({ id: 'req_1', endpoint: asked.endpoint, attempts: 1 });
    expect(Buffer.isBuffer(attempt?.json) && attempt.json.buffer === piece.buffer).toBe(false);
  });

  it('lets go of what has ended', () => {
    const unfinished = new Unfinished();
    const attempt = { json: JSON.stringify(row), booking: null };
    unfinished.follow({ kind: 'intent', attempt, asked: JSON.stringify(asked) });
    unfinished.follow({ kind: 'settle', attempt });
    unfinished.follow({ kind: 'request', request: JSON.stringify({ id: 'req_1' }) });
    expect([unfinished.takeAttempts(0), unfinished.takeRequests(0)]).toEqual([[], []]);
  });
});
