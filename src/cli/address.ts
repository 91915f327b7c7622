/**
 * `host:port`, as nodes find each other and as `--listen` binds.
 *
 * IPv6 addresses stand in brackets, as in a URL: `[::1]:9001`. Two spellings of one address are
 * recognised as the same (`[0::1]:9001`, `127.1:9001`), because two nodes on one address would take turns
 * at failing to start. A name is not resolved: what it means may change.
 */

export interface Address {
  /** Without brackets, in its shortest spelling, in lower case. */
  readonly host: string;
  readonly port: number;
}

export type ParsedAddress =
  | { readonly ok: true; readonly address: Address }
  /** What is allowed, to follow "must be". */
  | { readonly ok: false; readonly allowed: string };

export const addressForm = 'host:port, e.g. 127.0.0.1:9001, [::1]:9001 or n1.example.org:9001';

/** Reads an address that others connect to: a host that is one, and a port from 1 to 65535. */
export function parseAddress(text: string): ParsedAddress {
  const parsed = parseListenAddress(text);
  if (!parsed.ok) return parsed;
  const { host, port } = parsed.address;
  if (host === '' || host === '0.0.0.0' || host === '::') {
    return refused('an address that the others can connect to (what to bind is --listen)');
  }
  if (port === 0) return refused(`${addressForm}, with a port from 1 to 65535`);
  return parsed;
}

/** Reads an address to bind: `:9001` and `0.0.0.0:9001` mean all interfaces, port 0 any free one. */
export function parseListenAddress(text: string): ParsedAddress {
  const match = /^(\[[^\]]*\]|[^:[\]]*):([0-9]{1,5})$/.exec(text);
  if (match === null) return refused(addressForm);
  const [, hostText = '', portText = ''] = match;
  const port = Number(portText);
  if (port > 65_535) return refused(`${addressForm}, with a port up to 65535`);
  if (hostText === '') return { ok: true, address: { host: '', port } };
  // `URL` would read these as a path, a query or a login, and ignore them here.
  if (/[/?#@\\\s%]/.test(hostText)) return refused(addressForm);
  const host = canonicalHost(hostText);
  if (host === undefined) return refused(addressForm);
  return { ok: true, address: { host, port } };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(address: Address): string {
  return `${bracketed(address.host)}:${address.port}`;
}

/** The address under which this machine reaches a node that binds `listen`. */
export function localAddressOf(listen: Address): Address {
  if (listen.host === '' || listen.host === '0.0.0.0') return { host: '127.0.0.1', port: listen.port };
  if (listen.host === '::') return { host: '::1', port: listen.port };
  return listen;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The WHATWG URL parser knows every spelling of an IP address; undefined when it refuses the host. */
function canonicalHost(hostText: string): string | undefined {
  const url = URL.parse(`http://${hostText}/`);
  if (url === null || url.hostname === '') return undefined;
  return url.hostname.replace(/^\[|\]$/g, '');
}

function refused(allowed: string): ParsedAddress {
  return { ok: false, allowed };
}
