import { type Door, openDoor } from '../../../../test/support/http-door.js';
import { asyncApiPage } from './asyncapi-page.js';
import type { AsyncApiDocument } from './asyncapi-types.js';
import { html, prose } from '../../http/html.js';

const EVIL = `</code><script>alert("1")</script>`;

const document = (text: string): AsyncApiDocument => ({
  asyncapi: '3.0.0',
  info: { title: text, version: text, description: text },
  defaultContentType: 'application/json',
  servers: {},
  channels: {
    c: {
      address: text,
      title: text,
      description: text,
      messages: { m: { $ref: '#/components/messages/m' } },
    },
  },
  operations: {
    [text]: {
      action: 'receive',
      channel: { $ref: '#/channels/c' },
      title: text,
      summary: text,
      description: text,
      messages: [{ $ref: '#/channels/c/messages/m' }],
    },
  },
  components: {
    messages: {
      m: {
        name: text,
        title: text,
        summary: text,
        contentType: text,
        payload: {
          type: 'object',
          properties: { [text]: { type: text, description: text, default: text, pattern: text } },
        },
        examples: [{ name: text, payload: text, headers: { [text]: text } }],
      },
    },
    schemas: { [text]: { type: text, enum: [text] } },
  },
});

describe('the page of the messages', () => {
  it('escapes every text of the document', () => {
    const page = asyncApiPage(document(EVIL));
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toContain('<script');
    expect(page).not.toContain('</code></code>');
  });

  it('escapes attributes, and makes links to this service only', () => {
    expect(html`<b title="${'" onclick="x'}"></b>`.text).toBe(
      '<b title="&quot; onclick=&quot;x"></b>',
    );
    expect(prose('[a](/api/docs) [b](javascript:x) `<c>`').text).toBe(
      '<p><a href="/api/docs">a</a> [b](javascript:x) <code>&lt;c&gt;</code></p>',
    );
  });
});

describe('over HTTP', () => {
  let door: Door;
  beforeAll(async () => {
    door = await openDoor();
  });
  afterAll(() => door.close());

  it('is served with a policy that lets nothing but its own style sheet load', async () => {
    const { statusCode, headers, body } = await door.app.inject('/api/asyncapi');
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(body).toContain('href="/api/docs"');
  });

  it('stands beside the document and is linked from the other one', async () => {
    const { statusCode, headers } = await door.app.inject('/api/asyncapi.json');
    expect([statusCode, headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    const { info } = (await door.app.inject('/api/openapi.json')).json<{
      info: { description: string; version: string };
    }>();
    expect(info.description).toContain('(/api/asyncapi)');
    expect((await door.app.inject('/api/asyncapi.json')).json()).toMatchObject({
      asyncapi: '3.0.0',
      info: { version: info.version },
    });
  });
});
