// What the server refused, beside the fields that it is about. Pure.

export interface Placed {
  fields: Record<string, string>; // by the field's key; inputs have "input:NAME"
  rest: string; // about no field that is shown
}

// By what the sentences of the server name.
const SIGNS: [sign: RegExp, field: string][] = [
  [/\bdisplay_name\b/, 'name'],
  [/\.description\b/, 'description'],
  [/^experiment\b|\bexperiment_id\b/i, 'experiment'],
  [/^pipeline\b|\bpipeline_version_reference\b/i, 'pipeline'],
  [/\bpipeline_root\b/, 'pipelineRoot'],
  [/\bservice_account\b/, 'serviceAccount'],
  [/\bpenstock_cache\b/, 'cache'],
  [/\bmax_concurrency\b/, 'maxConcurrency'],
  [/\bend_time\b/, 'end'],
  [/\bstart_time\b/, 'start'],
  [/\binterval_second\b/, 'interval'],
  [/\btime ?_?zone\b/, 'timeZone'],
  [/\bcron\b/, 'cron'],
];

export function placed(message: string, inputs: string[]): Placed {
  const found: Placed = { fields: {}, rest: '' };
  const add = (field: string, text: string) =>
    (found.fields[field] = found.fields[field] ? `${found.fields[field]}\n${text}` : text);
  const rest: string[] = [];
  // Several sentences come in one message.
  for (const part of message.split(/; (?=the (?:parameter|artifact|pipeline) )/)) {
    const input = /\b(?:parameter|artifact) '((?:[^'\\]|\\.)*)'/.exec(part)?.[1];
    if (input !== undefined && inputs.includes(input)) add(`input:${input}`, sentence(part));
    else {
      const field = SIGNS.find(([sign]) => sign.test(part))?.[1];
      if (field) add(field, sentence(part));
      else rest.push(sentence(part));
    }
  }
  found.rest = rest.join('\n');
  return found;
}

// Names of fields stay as they are.
function sentence(text: string): string {
  return /^[a-z]+[\s,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
