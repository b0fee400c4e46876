// What a reader has chosen for good, kept by the browser. A choice that stands in the address goes before it.

const PREFIX = 'penstock.';

export function kept(name: string): string[] | undefined {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? 'null');
    return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : undefined;
  } catch {
    return undefined; // written by something else, or the browser keeps nothing
  }
}

export function keep(name: string, values: string[]): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(values));
  } catch {
    // A browser that keeps nothing shows what the address says.
  }
}
