import { createHash } from 'node:crypto';
import { html, Html, inline, prose } from '../../http/html.js';
import { resolved, type Schemas } from './json-schemas.js';
import { schemaTable, typeOf } from './page-schemas.js';
import { PAGE_STYLE } from './page-style.js';
import type { AsyncApiDocument, Channel, Message, Operation, Reference } from './asyncapi-types.js';

const styleHash = createHash('sha256').update(PAGE_STYLE).digest('base64');

/** The page is one file with one style sheet, which is known by its hash; it needs no script. */
export const PAGE_MAY_LOAD = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The document as a page for readers. Every text of the document is escaped. */
export function asyncApiPage(document: AsyncApiDocument): string {
  const { title } = document.info;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${new Html(`<style>${PAGE_STYLE}</style>`)}
      </head>
      <body>
        ${navigation(document)} ${mainPart(document)}
      </body>
    </html>`;
  return page.text;
}

function navigation(document: AsyncApiDocument): Html {
  const link = ([id, { title }]: [string, Operation]) => html`<a href="#${id}">${title}</a>`;
  const names = Object.keys(document.components.schemas);
  return html`<nav aria-label="Contents">
    <h2>Taken</h2>
    ${operationsOf(document, 'receive').map(link)}
    <h2>Published</h2>
    ${operationsOf(document, 'send').map(link)}
    <h2>Queues</h2>
    <a href="#queues">${queuesOf(document).length} of them</a>
    <h2>Schemas</h2>
    ${names.map((name) => html`<a href="#schema-${name}">${name}</a>`)}
  </nav>`;
}

function mainPart(document: AsyncApiDocument): Html {
  const { info, components } = document;
  const operation = (entry: [string, Operation]) => operationSection(document, entry);
  return html`<main>
    <h1>${info.title} <small>${info.version}</small></h1>
    <p class="doors">
      <a href="/api/asyncapi.json">AsyncAPI 3.0 document</a>
      <a href="/api/docs">HTTP API (Swagger)</a>
    </p>
    ${prose(info.description)}
    <h2>Messages taken</h2>
    ${operationsOf(document, 'receive').map(operation)}
    <h2>Events published</h2>
    ${operationsOf(document, 'send').map(operation)}
    <h2 id="queues">Queues</h2>
    ${queuesOf(document).map(queueSection)}
    <h2>Schemas</h2>
    ${Object.entries(components.schemas).map(
      ([name, schema]) =>
        html`<section id="schema-${name}">
          <h3>${name}</h3>
          ${schemaTable(schema)}
        </section>`,
    )}
  </main>`;
}

function operationsOf(
  { operations }: AsyncApiDocument,
  action: Operation['action'],
): [string, Operation][] {
  const all = Object.entries(operations).filter(([, operation]) => operation.action === action);
  return all.sort(([, a], [, b]) => (a.title < b.title ? -1 : 1));
}

/** The channels that are queues themselves, not routes within one. */
function queuesOf({ channels }: AsyncApiDocument): Channel[] {
  return Object.values(channels).filter(({ bindings }) => bindings?.amqp['x-arguments']);
}

function operationSection(document: AsyncApiDocument, [id, operation]: [string, Operation]): Html {
  const { action, title, summary, description, messages, reply } = operation;
  const label = action === 'receive' ? 'take' : 'publish';
  const parts = (references: readonly Reference[]) =>
    html`${messagesOf(document, references).map((message) => messageParts(message, document.components.schemas))}`;
  const answers = (references: readonly Reference[]) =>
    html`${messagesOf(document, references).map(
      (message) =>
        html`<p>${inline(message.summary)}</p>
          ${messageParts(message, document.components.schemas)}`,
    )}`;
  return html`<section id="${id}">
    <h3><span class="${label}">${label}</span> <code>${title}</code></h3>
    <p>${inline(summary)}</p>
    ${description === undefined ? '' : html`<p>${inline(description)}</p>`} ${parts(messages)}
    ${reply ? fold(html`Answer, where the message has <code>reply-to</code>`, answers(reply.messages)) : ''}
  </section>`;
}

function messageParts(message: Message, schemas: Schemas): Html {
  const { contentType, headers, payload, examples } = message;
  const named = payload && '$ref' in payload ? typeOf(payload) : '';
  return html`${
    payload
      ? html`<details open>
          <summary>Payload ${named} <small>${contentType}</small></summary>
          ${schemaTable(resolved(payload, schemas))}
        </details>`
      : ''
  }
  ${headers ? fold(html`Headers`, schemaTable(headers)) : ''}
  ${examples.map((example) => fold(html`Example`, exampleParts(example)))}`;
}

function exampleParts(example: Message['examples'][number]): Html {
  const payload = JSON.stringify(example.payload, undefined, 2);
  return html`${example.headers ? html`<pre>${headerLines(example.headers)}</pre>` : ''}
  ${'payload' in example ? html`<pre>${payload}</pre>` : ''}`;
}

function fold(summary: Html, content: Html): Html {
  return html`<details>
    <summary>${summary}</summary>
    ${content}
  </details>`;
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
      <pre>${declared.map(([name, value]) => `${name}: ${String(value)}`).join('\n')}</pre>
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
