// Calls of the server's HTTP API. What a call is refused with is an ApiError; what did not reach the server at all is
// an Unreachable, which pages show as a server that is away and try again.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export class Unreachable extends Error {}

type Listener = () => void;

// Whether the last call reached the server. Pages say so in one place.
class Connection {
  away = false;
  private readonly listeners = new Set<Listener>();

  set(away: boolean): void {
    if (this.away === away) return;
    this.away = away;
    this.listeners.forEach((tell) => tell());
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export const connection = new Connection();

// A gateway that answers while the server behind it does not.
const UNAVAILABLE = [502, 503, 504];

export interface CallOptions {
  method?: string;
  body?: unknown;
  query?: Record<string, string | number | boolean | string[] | undefined>;
  signal?: AbortSignal;
  range?: [number, number]; // of bytes, both included
}

export function urlOf(path: string, query: CallOptions['query'] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

// The answer, whose status is good. Its body is not read yet.
export async function send(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = options.body === undefined ? 'GET' : 'POST', body, signal } = options;
  let answer: Response;
  try {
    answer = await fetch(urlOf(path, options.query), {
      method,
      signal,
      headers: {
        ...(body === undefined || body instanceof FormData ? {} : { 'Content-Type': 'application/json' }),
        ...(options.range ? { Range: `bytes=${options.range.join('-')}` } : {}),
      },
      body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    connection.set(true);
    throw new Unreachable(`The server does not answer: ${(error as Error).message}`);
  }
  connection.set(UNAVAILABLE.includes(answer.status));
  if (answer.ok) return answer;
  throw new ApiError(answer.status, await refusalIn(answer));
}

async function refusalIn(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => '');
  try {
    const json = JSON.parse(text);
    return json.message || json.error?.message || json.error_message || text;
  } catch {
    return text || `The server answered ${answer.status}.`;
  }
}

export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const answer = await send(path, options);
  return (await answer.json()) as T;
}

// The messages of a stream of RPC answers, one JSON object a line.
export async function* stream<T>(path: string, options: CallOptions = {}): AsyncGenerator<T> {
  const answer = await send(path, options);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (!line.trim()) continue;
        const { result, error } = JSON.parse(line) as { result?: T; error?: { message: string; http_code?: number } };
        if (error) throw new ApiError(error.http_code ?? 500, error.message);
        if (result !== undefined) yield result;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
