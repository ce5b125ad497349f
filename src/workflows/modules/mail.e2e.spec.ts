import { type App, bootApp } from '../../../test/support/app.js';
import { MailFolder } from '../../../test/support/mail.js';
import { startChain, type WorkflowRun } from '../../../test/support/workflow-runs.js';
import type { JsonObject } from '../definition/json.js';

let app: App;
let folder: MailFolder;

describe('the module mail', () => {
  beforeAll(async () => {
    folder = new MailFolder();
    app = await bootApp({ env: { MAIL_URL: folder.path }, shared: true });
  });
  afterAll(async () => {
    await app.stop();
    folder.remove();
  });

  const sent = (config: JsonObject, variables: JsonObject = {}, more: JsonObject = {}) =>
    startChain(app, [{ id: 'mail', type: 'task', kind: 'mail', config }], variables, more);
  const incidentOf = async (run: WorkflowRun) => (await run.positions())[0]?.incident;

  it('sends what templates and expressions make of the config', async () => {
    const config = {
      to: '=customer.mail',
      cc: ['Store <store@example.com>', '{{ clerk }}@example.com'],
      subject: 'Order {{ customer.name }}',
      text: 'You owe {{ price * 2 }}.',
      html: '<b>{{ price * 2 }}</b>',
    };
    const customer = { mail: 'ann@example.com', name: 'of Ann' };
    const run = await sent(config, { customer, clerk: 'ben', price: 4 });
    const [mail] = folder.about('Order of Ann');
    expect(mail?.headers.get('to')).toBe('ann@example.com');
    expect(mail?.headers.get('cc')).toBe('Store <store@example.com>, ben@example.com');
    expect(mail?.body).toContain('You owe 8.');
    expect(mail?.body).toContain('<b>8</b>');
    const id = `<workflow.${run.id}.mail.2@localhost>`;
    expect(mail?.headers.get('message-id')).toBe(id);
    expect(await run.view()).toMatchObject({
      status: 'completed',
      variables: {
        mail: { message_id: id, accepted: expect.arrayContaining(['ann@example.com']) as unknown },
      },
    });
  });

  const everybody = (count: number): string =>
    Array.from({ length: count }, (_, index) => `user${String(index)}@example.com`).join(', ');

  it.each([
    ['to', { to: 'nobody at all' }, '"nobody at all" is no mail address'],
    ['to', { to: '' }, 'names nobody'],
    ['to', { to: '=nothing' }, 'Invalid input'],
    ['to[1]', { to: ['ann@example.com', 'ben@'] }, '"ben@" is no mail address'],
    ['to', { to: everybody(101) }, 'names more than 100'],
    ['to', { to: [everybody(60), everybody(41)] }, 'names more than 100'],
    ['to', { to: everybody(60), cc: [everybody(41)] }, 'those of cc included'],
    ['cc', { cc: 'ann@example.com, ben' }, '"ben" is no mail address'],
    ['subject', { subject: 'Hello\nBcc: all@example.com' }, 'must be one line'],
    ['text', { text: '=nothing' }, 'is required'],
    ['attachments', { attachments: '/etc/passwd' }, 'There is no such field'],
  ])('is an incident that names %s when the config is wrong', async (field, wrong, why) => {
    const right = { to: 'ann@example.com', subject: 'Wrong', text: 'x' };
    const incident = await incidentOf(await sent({ ...right, ...wrong }));
    expect(incident?.code).toBe('invalid-config');
    expect(incident?.message).toContain(`config.${field}: `);
    expect(incident?.message).toContain(why);
    expect(folder.about('Wrong')).toEqual([]);
  });

  it('goes on after the config was set right and a retry, once', async () => {
    const mail = { to: '=config.mail_to', subject: 'Repaired', text: 'x' };
    const config = { mail_to: { default: 'not yet known' } };
    const run = await sent(mail, {}, { config });
    expect((await incidentOf(run))?.code).toBe('invalid-config');
    const { workflow } = await run.view();
    const body = { mail_to: 'ann@example.com' };
    await app.http.send('PATCH', `/workflows/${workflow}/config`, { body });
    await app.http.post(`/workflow-instances/${run.id}/retry`, {});
    await app.settle();
    expect((await run.view()).status).toBe('completed');
    expect(folder.about('Repaired').map(({ headers }) => headers.get('to'))).toEqual([
      'ann@example.com',
    ]);
  });
});
