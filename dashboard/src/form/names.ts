// Names that a form begins with. Pure.

// "train", "Clone of train", "Clone (2) of train", as in the web UI of Kubeflow Pipelines.
export function cloneName(name: string): string {
  const [, number, of] = /^Clone (?:\((\d+)\) )?of (.*)$/s.exec(name) ?? [];
  if (of === undefined) return `Clone of ${name}`;
  return `Clone (${Number(number ?? 1) + 1}) of ${of}`;
}

export function runName(pipeline: string, now: string): string {
  return `${pipeline} ${now}`;
}

export function scheduleName(pipeline: string): string {
  return `${pipeline} on schedule`;
}
