import { createHash } from 'node:crypto';
import { html, Html, inline, prose } from './html.js';
import { schemaTable } from './page-schemas.js';
import { PAGE_STYLE } from './page-style.js';
import type { AsyncApiDocument, Channel, Message, Operation, Reference } from './asyncapi-types.js';

const styleHash = createHash('sha256').update(PAGE_STYLE).digest('base64');

/** The page is one file with one style sheet, which is known by its hash; it needs no script. */
export const PAGE_MAY_LOAD = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The document as a page for readers. Every text of the document is escaped. */
export function asyncApiPage(document: AsyncApiDocument): string {
  const { info, operations, channels, components } = document;
  const all = Object.entries(operations);
  const commands = all.filter(([, { action }]) => action === 'receive').sort(byTitle);
  const events = all.filter(([, { action }]) => action === 'send').sort(byTitle);
  const queues = Object.values(channels).filter(({ bindings }) => bindings?.amqp['x-arguments']);
  const schemas = Object.entries(components.schemas);
  const operation = (entry: [string, Operation]) => operationSection(document, entry);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        ${new Html(`<style>${PAGE_STYLE}</style>`)}
      </head>
      <body>
        <nav aria-label="Contents">
          <h2>Taken</h2>
          ${commands.map(navigationLink)}
          <h2>Published</h2>
          ${events.map(navigationLink)}
          <h2>Queues</h2>
          <a href="#queues">${queues.length} of them</a>
          <h2>Schemas</h2>
          ${schemas.map(([name]) => html`<a href="#schema-${name}">${name}</a>`)}
        </nav>
        <main>
          <h1>${info.title} <small>${info.version}</small></h1>
          <p class="doors">
            <a href="/api/asyncapi.json">AsyncAPI 3.0 document</a>
            <a href="/api/docs">HTTP API (Swagger)</a>
          </p>
          ${prose(info.description)}
          <h2>Messages taken</h2>
          ${commands.map(operation)}
          <h2>Events published</h2>
          ${events.map(operation)}
          <h2 id="queues">Queues</h2>
          ${queues.map(queueSection)}
          <h2>Schemas</h2>
          ${schemas.map(
            ([name, schema]) =>
              html`<section id="schema-${name}">
                <h3>${name}</h3>
                ${schemaTable(schema)}
              </section>`,
          )}
        </main>
      </body>
    </html>`;
  return page.text;
}

function navigationLink([id, { title }]: [string, Operation]): Html {
  return html`<a href="#${id}">${title}</a>`;
}

function operationSection(document: AsyncApiDocument, [id, operation]: [string, Operation]): Html {
  const { title, summary, description, messages, reply } = operation;
  const label = operation.action === 'receive' ? 'take' : 'publish';
  return html`<section id="${id}">
    <h3><span class="${label}">${label}</span> <code>${title}</code></h3>
    <p>${inline(summary)}</p>
    ${description === undefined ? '' : html`<p>${inline(description)}</p>`}
    ${messagesOf(document, messages).map(messageParts)}
    ${
      reply
        ? html`<details>
            <summary>Answer, where the message has <code>reply-to</code></summary>
            ${messagesOf(document, reply.messages).map(messageParts)}
          </details>`
        : ''
    }
  </section>`;
}

function messageParts({ contentType, headers, payload, examples }: Message): Html {
  return html`${
    payload
      ? html`<details open>
          <summary>Payload <small>${contentType}</small></summary>
          ${schemaTable(payload)}
        </details>`
      : ''
  }
  ${
    headers
      ? html`<details>
          <summary>Headers</summary>
          ${schemaTable(headers)}
        </details>`
      : ''
  }
  ${examples.map(
    (example) =>
      html`<details>
        <summary>Example</summary>
        ${example.headers ? html`<pre>${headerLines(example.headers)}</pre>` : ''}
        ${'payload' in example ? html`<pre>${JSON.stringify(example.payload, undefined, 2)}</pre>` : ''}
      </details>`,
  )}`;
}

function headerLines(headers: object): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join('\n');
}

function queueSection({ title, description, bindings }: Channel): Html {
  const declared = Object.entries(bindings?.amqp['x-arguments'] ?? {});
  return html`<section>
    <h3>${title}</h3>
    <p>${inline(description)}</p>
    <details>
      <summary>Arguments</summary>
      <pre>${declared.map(([name, value]) => `${name}: ${value}`).join('\n')}</pre>
    </details>
  </section>`;
}

/** An operation names the messages of its channel, which name those of the components. */
function messagesOf(document: AsyncApiDocument, references: readonly Reference[]): Message[] {
  return references.flatMap(({ $ref }) => {
    const message = document.components.messages[$ref.slice($ref.lastIndexOf('/') + 1)];
    return message ? [message] : [];
  });
}

function byTitle([, a]: [string, Operation], [, b]: [string, Operation]): number {
  return a.title < b.title ? -1 : 1;
}
