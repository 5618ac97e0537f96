// The least a proxy on node:http can do: read the body, send it on with undici's `dispatch`, write what comes back. No
// parsing, no keys, no policy. What a gateway adds is measured against it.
// usage: node bare-proxy.mjs PORT UPSTREAM_PORT
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  connections: 512,
  pipelining: 1,
  keepAliveTimeout: 60_000,
});

/** Hop-by-hop headers, and the length: Node sets its own. */
const DROPPED = new Set(['connection', 'keep-alive', 'transfer-encoding']);

function answerHeaders(rawHeaders) {
  const headers = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index].toString('latin1');
    if (!DROPPED.has(name.toLowerCase())) headers.push(name, rawHeaders[index + 1].toString('latin1'));
  }
  return headers;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    let abort;
    response.once('close', () => {
      if (!response.writableFinished) abort?.();
    });
    pool.dispatch(
      {
        path: request.url,
        method: request.method,
        headers: { 'content-type': 'application/json', authorization: 'Bearer upstream' },
        body,
      },
      {
        onConnect(giveUp) {
          abort = giveUp;
        },
        onHeaders(statusCode, rawHeaders, resume) {
          response.on('drain', resume);
          response.writeHead(statusCode, answerHeaders(rawHeaders));
          return true;
        },
        onData: (chunk) => response.write(chunk),
        onComplete: () => response.end(),
        onError(error) {
          if (response.headersSent) response.destroy();
          else response.writeHead(502).end(error.message);
        },
      },
    );
  });
});

server.keepAliveTimeout = 60_000;
server.listen(port, '127.0.0.1');
