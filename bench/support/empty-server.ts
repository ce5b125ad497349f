/**
 * The least that a server on Node can do for a POST, with an answer as large as a task: what the load generator reaches
 * here, it can reach. Answers 200 to GET, so that it counts as ready.
 */
import { createServer } from 'node:http';

const ANSWER = JSON.stringify({ text: 'x'.repeat(700) });
const HEADERS = { 'content-type': 'application/json', 'content-length': ANSWER.length };

createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    response.writeHead(request.method === 'POST' ? 201 : 200, HEADERS).end(ANSWER);
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
