import { loadEnv } from '../env.js';
import type { MessageScopeOptions } from './message.decorators.js';
import { settingsOf } from './scope-settings.js';

const env = (more: Record<string, string> = {}) =>
  loadEnv({ DATABASE_URL: 'postgres://x@localhost/x', ...more });
const settings = (options: MessageScopeOptions, more?: Record<string, string>, batch = 0) =>
  settingsOf({ name: 'ml', ...options }, env(more), batch);

describe('the settings of a scope', () => {
  it('follow from the environment where nothing is said', () => {
    expect(settings({}, { MESSAGE_PREFETCH: '7', MESSAGE_ATTEMPTS: '3' })).toEqual({
      prefetch: 7,
      concurrency: 7,
      retry: [1_000, 5_000],
      circuit: 20,
      ordered: false,
    });
  });

  it('are values, or functions of the environment', () => {
    const given = settings({
      prefetch: ({ MESSAGE_PREFETCH: all }) => all / 2,
      concurrency: 8,
      retry: () => ['5s', '5s', '10m'],
      circuit: false,
    });
    expect(given).toMatchObject({ prefetch: 128, concurrency: 8, circuit: false });
    expect(given.retry).toEqual([5_000, 5_000, 600_000]);
  });

  it('have room for two full batches', () => {
    expect(settings({}, {}, 500).prefetch).toBe(1_000);
    expect(settings({ prefetch: 10 }, {}, 500).prefetch).toBe(10);
  });

  it('try again in place for no longer than half a minute where order counts', () => {
    expect(settings({ ordered: true }).retry).toEqual([1_000, 5_000, 30_000]);
    expect(() => settings({ ordered: true, retry: ['2m'] })).toThrow('end at 30s');
  });

  it.each([
    [{ prefetch: 0 }, 'prefetch must be 1 to 65535'],
    [{ prefetch: 1.5 }, 'prefetch must be'],
    [{ prefetch: 10, concurrency: 11 }, 'concurrency must be 1 to the prefetch, 10'],
    [{ concurrency: 0 }, 'concurrency must be'],
    [{ circuit: 0 }, 'circuit must be'],
    [{ retry: ['7s'] as never }, 'there is no delay "7s"; there are 1s, 5s, 30s, 2m, 10m'],
  ])('are refused at boot when they are %p', (options, reason) => {
    expect(() => settings(options)).toThrow(`Scope "ml": ${reason}`);
  });
});
