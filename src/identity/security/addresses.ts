import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

const GROUPS = 8;
/** What one customer of a provider has at least: a /64 has more addresses than anybody could count one by one. */
const GROUPS_OF_A_NETWORK = 4;

/** The part of an address that its owner cannot change at will. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [before = '', after] = plain.toLowerCase().split('%', 1).join('').split('::');
  const [head, tail] = [before, after ?? ''].map((part) => part.split(':').filter(Boolean));
  const missing = GROUPS - (head?.length ?? 0) - (tail?.length ?? 0);
  const groups = [
    ...(head ?? []),
    ...Array<string>(Math.max(0, missing)).fill('0'),
    ...(tail ?? []),
  ];
  return groups
    .slice(0, GROUPS_OF_A_NETWORK)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}

/** What is only compared need not be kept readable. */
export function digestOf(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
