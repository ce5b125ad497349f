/**
 * One request to a RabbitMQ's management API (`path` without `/api/`), answering its JSON. `api` carries the credentials.
 * Throws on any answer that is no success.
 */
export async function requestManagement(
  api: URL,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const credentials = `${decodeURIComponent(api.username)}:${decodeURIComponent(api.password)}`;
  const response = await fetch(new URL(`/api/${path}`, api.origin), {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} /api/${path}: ${response.status} ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}
