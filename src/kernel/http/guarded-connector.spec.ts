import { isForbidden, isForbiddenHost } from './guarded-connector.js';

describe('an address outside', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
  ])('%s is forbidden', (address) => {
    expect(isForbidden(address, false)).toBe(true);
  });

  it.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '2606:2800:220:1::1', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(isForbidden(address, false)).toBe(false);
    },
  );

  it('may be private where the host was allowed to have one, but never link-local', () => {
    expect(['127.0.0.1', '172.18.0.4', '::1'].map((one) => isForbidden(one, true))).toEqual([
      false,
      false,
      false,
    ]);
    for (const address of ['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', 'fd00:ec2::254'])
      expect(isForbidden(address, true)).toBe(true);
  });

  it.each([
    ['http://127.0.0.1:2197/x', true],
    ['http://2130706433/', true],
    ['http://0x7f.1/', true],
    ['http://[::1]:2197/', true],
    ['http://[::ffff:10.0.0.1]/', true],
    ['https://example.com/', false],
    ['http://localhost/', false],
  ])('in %s: forbidden %s; names are judged when they are connected to', (url, forbidden) => {
    expect(isForbiddenHost(new URL(url), [])).toBe(forbidden);
  });

  it('is allowed for the very host and port that was named', () => {
    expect(isForbiddenHost(new URL('http://127.0.0.1:2197/'), ['127.0.0.1:2197'])).toBe(false);
    expect(isForbiddenHost(new URL('http://127.0.0.1:5432/'), ['127.0.0.1:2197'])).toBe(true);
  });
});
