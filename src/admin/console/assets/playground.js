/* Streams an answer into the page. Without it the form is sent and the answer comes at once. */
(() => {
  'use strict';
  const form = document.querySelector('[data-playground]');
  if (!form) return;
  const [answer, status, trace] = ['answer', 'status', 'trace'].map((name) => document.querySelector(`[data-${name}]`));
  const stop = form.querySelector('[data-stop]');
  const send = form.querySelector('button[type=submit]');
  /** A request appears in the database a moment after its end. */
  const TRACE_TRIES = 24;
  const TRACE_EVERY_MS = 250;
  let running = null;

  const say = (text) => {
    status.textContent = text;
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  function clear() {
    for (const old of form.querySelectorAll('.field-error, .notice')) old.remove();
    for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
    answer.textContent = '';
    trace.replaceChildren();
  }

  function showProblem({ message, fields }) {
    say('Not sent');
    const entries = Object.entries(fields);
    for (const [name, text] of entries) {
      const field = form.elements.namedItem(name);
      if (!field) continue;
      const note = document.createElement('p');
      note.className = 'field-error';
      note.id = `${name}-error`;
      note.textContent = text;
      field.setAttribute('aria-invalid', 'true');
      field.setAttribute('aria-describedby', note.id);
      field.after(note);
    }
    if (entries.length === 0) answer.textContent = message;
    else form.querySelector('[aria-invalid]')?.focus();
  }

  /** The data of each event, as it comes. */
  async function* eventsOf(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      rest += chunk.value;
      const lines = rest.split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines)
        if (line.startsWith('data: ') && line !== 'data: [DONE]') yield JSON.parse(line.slice(6));
    }
  }

  function costOf({ cost, prompt_tokens: input, completion_tokens: output }) {
    const price = Number(cost ?? 0).toLocaleString('en-US', { maximumSignificantDigits: 3 });
    return `${input ?? 0} tokens in, ${output ?? 0} out · $${price}`;
  }

  function sumUp(cache, firstMs, allMs, usage) {
    const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
    const parts = [
      cache.endsWith('hit') ? 'from the cache' : '',
      firstMs === null ? '' : `first token ${seconds(firstMs)}`,
      `${seconds(allMs)} in all`,
      usage === null ? '' : costOf(usage),
    ];
    say(parts.filter((part) => part !== '').join(' · '));
  }

  async function read(response, startedMs) {
    let [usage, firstMs] = [null, null];
    for await (const event of eventsOf(response.body)) {
      if (event.error) answer.textContent += `\n${event.error.message}`;
      const text = event.choices?.[0]?.delta?.content;
      if (text) {
        firstMs ??= performance.now() - startedMs;
        answer.textContent += text;
      }
      usage = event.usage ?? usage;
    }
    sumUp(response.headers.get('x-gateway-cache') ?? '', firstMs, performance.now() - startedMs, usage);
  }

  /** The decision trace, out of the page of the request. */
  async function showTrace(id) {
    for (let attempt = 0; attempt < TRACE_TRIES; attempt += 1) {
      await pause(TRACE_EVERY_MS);
      const response = await fetch(`/admin/requests/${encodeURIComponent(id)}?live=1`).catch(() => null);
      // 204: not on record yet.
      if (response?.status !== 200) continue;
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const link = document.createElement('a');
      link.href = `/admin/requests/${encodeURIComponent(id)}`;
      link.textContent = 'Everything about this request';
      trace.replaceChildren(...[page.getElementById('trace')].filter(Boolean), link);
      return;
    }
  }

  async function play() {
    clear();
    running = new AbortController();
    [send.disabled, stop.hidden] = [true, false];
    say('Waiting…');
    const startedMs = performance.now();
    let id = null;
    try {
      const body = new URLSearchParams(new FormData(form));
      const response = await fetch('/admin/playground/stream', { method: 'POST', body, signal: running.signal });
      id = response.headers.get('x-request-id');
      if (response.status === 401) location.reload();
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
      if (isStream) await read(response, startedMs);
      else {
        const told = await response.json();
        if (told.problem) showProblem(told.problem);
        else {
          say(`HTTP ${response.status}`);
          answer.textContent = told.error?.message ?? JSON.stringify(told, null, 2);
        }
      }
    } catch (error) {
      say(error.name === 'AbortError' ? 'Stopped' : `It broke: ${error.message}`);
    }
    [send.disabled, stop.hidden] = [false, true];
    if (id !== null) await showTrace(id);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void play();
  });
  stop.addEventListener('click', () => running?.abort());
})();
