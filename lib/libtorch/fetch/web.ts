import { getProxyForUrl } from 'proxy-from-env';
import { Agent, fetch, Pool, ProxyAgent, type Response } from 'undici';
import { version } from '../../version';
import { Dropped } from './failure';

const connectMs = 10_000;
const defaultSilentMs = 30_000;

/** HTTP as this command needs it: proxies of the environment, redirects, no endless silence, errors that say who and why. */
export class Web {
  private readonly agent: Agent;
  readonly signal: AbortSignal | undefined;

  /**
   * @param home its user name and password, if it has any, go to its own host and nowhere else
   * @param silentMs how long a server may send nothing
   * @param signal ends every request
   */
  constructor(
    private readonly home: URL,
    { silentMs = defaultSilentMs, signal }: { silentMs?: number; signal?: AbortSignal | undefined } = {},
  ) {
    this.signal = signal;
    const timeouts = { headersTimeout: silentMs, bodyTimeout: silentMs };
    const connect = { timeout: connectMs };
    // A proxy's agent passes timeouts on neither to what asks for a tunnel nor to what goes without one.
    const pool = (origin: string | URL, options: object) => new Pool(origin, { ...options, ...timeouts });
    this.agent = new Agent({
      ...timeouts,
      connect,
      // Chosen for each host, so that a redirect may lead past the proxy.
      factory: (origin, options) => {
        const uri = getProxyForUrl(String(origin));
        if (uri === '') return pool(origin, options);
        // An address of plain http is asked of the proxy itself: many let nothing but https through a tunnel.
        return new ProxyAgent({ uri, proxyTunnel: false, proxyTls: connect, requestTls: connect, factory: pool, clientFactory: pool });
      },
    });
  }

  /**
   * The answer to a request, of whatever status.
   * @throws Dropped where none comes
   */
  async request(url: URL, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET'): Promise<Response> {
    try {
      return await fetch(withoutCredentials(url), {
        method,
        // Bytes as they lie there, so that they can be counted and gone on with.
        headers: {
          'user-agent': `continual-torch/${version}`,
          'accept-encoding': 'identity',
          ...this.authorization(url),
          ...headers,
        },
        dispatcher: this.agent,
        signal: this.signal,
      });
    } catch (error) {
      this.signal?.throwIfAborted();
      throw new Dropped(`cannot reach ${url.host}${this.proxyNote(url)}: ${describeNetworkError(error)}`, { cause: error });
    }
  }

  /** Ends every connection. */
  close(): Promise<void> {
    return this.agent.destroy();
  }

  private authorization(url: URL): Record<string, string> {
    const { username, password, origin } = this.home;
    if (username === '' || url.origin !== origin) return {};
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  }

  private proxyNote(url: URL): string {
    const proxy = getProxyForUrl(url.href);
    return proxy === '' ? '' : ` through the proxy ${URL.canParse(proxy) ? new URL(proxy).host : 'that is set'}`;
  }
}

/** An address as it may be shown and logged. */
export function withoutCredentials(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';
  return bare.href;
}

/** What `fetch` throws says why in its innermost cause. */
function innermost(error: unknown): Error & { code?: string } {
  let inner = error as Error & { code?: string };
  while (inner.cause instanceof Error) inner = inner.cause;
  return inner;
}

/** Whether there was no connection for as long as one is waited for. */
export function isConnectTimeout(error: unknown): boolean {
  return ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'].includes(innermost(error).code ?? '');
}

/** Why a request or the rest of its answer failed. */
export function describeNetworkError(error: unknown): string {
  const inner = innermost(error);
  switch (inner.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved';
    case 'ECONNREFUSED':
      return 'it refuses the connection';
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `no connection within ${connectMs / 1000} seconds`;
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'it went silent';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'it dropped the connection';
    default:
      return inner.message;
  }
}
