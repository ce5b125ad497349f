import { type Lease, testDatabase, testVhost } from '../support/services.js';
import { problemIn } from '../support/http-client.js';
import { spawnApp, type SpawnedApp } from '../support/spawned-app.js';
import { until } from '../support/until.js';

const LATER = 4_082_724_000;
const SILENCE = { LINE_HEARTBEAT_MS: '200', BETS_LINE_SILENCE_MS: '2000' };

interface Offer {
  readonly event_id: string;
  readonly ratio: string;
  readonly status: string;
}

interface Bet {
  readonly bet_id: string;
  readonly status: string;
}

/** Each on a database of its own: RabbitMQ is all that they have in common. */
describe('line provider and bet maker as two processes', () => {
  const leases: Lease[] = [];
  let amqpUrl: string;
  let lineDatabase: string;
  let makerDatabase: string;
  let line: SpawnedApp;
  let maker: SpawnedApp;

  const lease = async (given: Promise<Lease>): Promise<string> => {
    const one = await given;
    leases.push(one);
    return one.url;
  };
  const start = (module: string, databaseUrl: string) =>
    spawnApp({ databaseUrl, amqpUrl, env: { ...SILENCE, MODULES: module } });
  const startLine = () => start('line-provider', lineDatabase);
  const startMaker = () => start('bet-maker', makerDatabase);

  beforeEach(async () => {
    amqpUrl = await lease(testVhost());
    lineDatabase = await lease(testDatabase());
    makerDatabase = await lease(testDatabase());
    [line, maker] = await Promise.all([startLine(), startMaker()]);
  }, 60_000);

  afterEach(async () => {
    await Promise.all([line, maker].filter((app) => app.isRunning).map((app) => app.kill()));
    await Promise.all(leases.splice(0).map((one) => one.release()));
  });

  const say = async (method: 'POST' | 'PUT', event: object) => {
    const { status } = await line.http.send(method, '/event', { body: event });
    expect(status).toBe(method === 'POST' ? 201 : 200);
  };
  const offers = async () =>
    (await maker.http.get<{ items: Offer[] }>('/events')).body.items.map(
      ({ event_id, ratio }) => `${event_id} at ${ratio}`,
    );
  const place = (event_id: string) => maker.http.post<Bet>('/bet', { event_id, sum_bet: '10.00' });
  const placed = (event_id: string): Promise<Bet> =>
    until(async () => {
      const { status, body } = await place(event_id);
      return status === 201 ? body : undefined;
    });
  const statusOf = async ({ bet_id }: Bet) =>
    (await maker.http.get<Bet>(`/bets/${bet_id}`)).body.status;

  it('answer the five calls, and settle by what they tell each other', async () => {
    await say('POST', { event_id: 'e-1', ratio: 1.85, deadline: LATER, status: 'NEW' });
    await say('PUT', [{ event_id: 'e-1', ratio: '2.1' }]);
    await until(async () => (await offers()).includes('e-1 at 2.100'));
    const bet = await placed('e-1');
    await say('PUT', { event_id: 'e-1', status: 'FINISHED_WIN' });
    await until(async () => (await statusOf(bet)) === 'won');
    const { body } = await maker.http.get<{ items: Bet[] }>('/bets');
    expect(body.items.map(({ bet_id }) => bet_id)).toEqual([bet.bet_id]);
    expect((await maker.http.get('/event/e-1')).status).toBe(404);
    expect((await line.http.get('/bets')).status).toBe(404);
  }, 60_000);

  it('bear the absence of the line: bets go on while its news is fresh, then wait, and nothing is lost', async () => {
    await say('POST', { event_id: 'e-2', ratio: '1.5', deadline: LATER, status: 'NEW' });
    const early = await placed('e-2');
    await line.kill();
    expect((await place('e-2')).status).toBe(201);
    const refused = await until(async () => {
      const answer = await place('e-2');
      return answer.status === 201 ? undefined : answer;
    });
    expect(problemIn(refused)).toMatchObject({ status: 503, type: '/problems/line-is-silent' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    line = await startLine();
    const late = await placed('e-2');
    await say('PUT', { event_id: 'e-2', status: 'FINISHED_LOSE' });
    await until(
      async () => (await statusOf(early)) === 'lost' && (await statusOf(late)) === 'lost',
    );
  }, 90_000);

  it('bear the absence of the bet maker: what ended meanwhile is settled when it is back', async () => {
    await say('POST', { event_id: 'e-3', ratio: '3', deadline: LATER, status: 'NEW' });
    const bet = await placed('e-3');
    await maker.kill();
    await say('PUT', { event_id: 'e-3', status: 'FINISHED_WIN' });
    maker = await startMaker();
    await until(async () => (await statusOf(bet)) === 'won');
  }, 90_000);
});
