// Unit tests in a browser: they run one after the other, and what became of each is left for who opened the page.

export interface Outcome {
  name: string;
  error?: string;
}

const tests: [name: string, body: () => unknown][] = [];

export function test(name: string, body: () => unknown): void {
  tests.push([name, body]);
}

async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, body] of tests) {
    try {
      await body();
      outcomes.push({ name });
    } catch (error) {
      outcomes.push({ name, error: (error as Error).stack ?? String(error) });
    }
  }
  return outcomes;
}

(globalThis as { runAll?: typeof runAll }).runAll = runAll;

function fail(message: string): never {
  throw new Error(message);
}

// Alike means the same JSON, but for undefined, NaN and infinities, which JSON does not have.
function text(value: unknown): string {
  return (
    JSON.stringify(
      value,
      (_, one) => (one === undefined || (typeof one === 'number' && !Number.isFinite(one)) ? `<${one}>` : one),
      1,
    ) ?? '<undefined>'
  );
}

export const assert = {
  ok(value: unknown, message = 'it is not so'): void {
    if (!value) fail(message);
  },
  equal(got: unknown, wanted: unknown): void {
    if (!Object.is(got, wanted)) fail(`got ${text(got)}, wanted ${text(wanted)}`);
  },
  deepEqual(got: unknown, wanted: unknown): void {
    if (text(got) !== text(wanted)) fail(`got ${text(got)}, wanted ${text(wanted)}`);
  },
  throws(body: () => unknown, message: RegExp = /./): void {
    try {
      body();
    } catch (error) {
      if (!message.test((error as Error).message)) fail(`thrown was ${(error as Error).message}`);
      return;
    }
    fail('nothing was thrown');
  },
  async rejects(promise: Promise<unknown>, message: RegExp = /./): Promise<void> {
    const error = await promise.then(
      () => undefined,
      (one: Error) => one,
    );
    if (!error) fail('it was not rejected');
    if (!message.test(error.message)) fail(`rejected with ${error.message}`);
  },
};
