import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

/** Networks that are nobody's business outside: loopback, private, shared, documentation, multicast, reserved. */
const PRIVATE: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['::', 127],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fec0::', 10],
  ['ff00::', 8],
];
/** Where clouds answer with credentials; refused even to hosts that may be private. */
const LINK_LOCAL: readonly [network: string, prefix: number][] = [
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['fd00:ec2::', 32],
];

const privateNetworks = blockListOf([...PRIVATE, ...LINK_LOCAL]);
const linkLocalNetworks = blockListOf(LINK_LOCAL);

/** Thrown before anything is sent to an address that others must not name. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
  readonly code = 'forbidden-address';
  constructor(host: string, address: string, setting: string) {
    super(`${host} is at ${address}, where nothing may be sent; ${setting} allows hosts`);
  }
}

/** Whether nothing may be sent to the address. `mayBePrivate` says so of its host; link-local it may not be. */
export function isForbidden(address: string, mayBePrivate: boolean): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return (mayBePrivate ? linkLocalNetworks : privateNetworks).check(address, family);
}

/** Whether a host as it stands in a URL is an address that is forbidden. A name is judged when it is connected to. */
export function isForbiddenHost(url: URL, privateHosts: readonly string[]): boolean {
  const address = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(address) !== 0 && isForbidden(address, privateHosts.includes(hostOf(url)));
}

export interface Guard {
  /** `name:port` of hosts that may be at private addresses. */
  readonly privateHosts: readonly string[];
  /** The setting that names them. */
  readonly setting: string;
  readonly timeoutMs: number;
}

/**
 * Connects to public addresses only, and to private ones of the hosts (`name:port`) that may have them. The addresses
 * that are judged are those that are connected to, so a name that changes its address in between gains nothing.
 */
export function guardedConnector({
  privateHosts,
  setting,
  timeoutMs,
}: Guard): buildConnector.connector {
  const connectors = new Map(
    [true, false].map((mayBePrivate) => [
      mayBePrivate,
      buildConnector({
        timeout: timeoutMs,
        allowH2: false,
        keepAlive: true,
        lookup: guardedLookup(mayBePrivate, setting),
      }),
    ]),
  );
  return (options, callback) => {
    const url = new URL(`${options.protocol}//${options.host ?? options.hostname}`);
    const mayBePrivate = privateHosts.includes(hostOf(url));
    const address = options.hostname.replace(/^\[|\]$/g, '');
    if (isIP(address) !== 0 && isForbidden(address, mayBePrivate)) {
      callback(new ForbiddenAddressError(address, address, setting), null);
      return;
    }
    connectors.get(mayBePrivate)?.(options, callback);
  };
}

function hostOf(url: URL): string {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return `${url.hostname}:${port}`;
}

/** Node asks for all addresses of a name and tries them in turn: one that is forbidden condemns them all. */
function guardedLookup(mayBePrivate: boolean, setting: string): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const bad = error
        ? undefined
        : addresses.find(({ address }) => isForbidden(address, mayBePrivate));
      const [first] = error ? [] : addresses;
      if (error) callback(error, '');
      else if (bad) callback(new ForbiddenAddressError(hostname, bad.address, setting), '');
      else if (options.all) callback(null, addresses);
      else callback(null, first?.address ?? '', first?.family);
    });
  };
}

function blockListOf(networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) {
    list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
