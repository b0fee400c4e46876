// The compiled pipeline as text: as much of it as a browser bears, all of it by copy and download.

import { useMemo, useState } from 'preact/hooks';
import type { Json } from '../api/types';
import { Copy } from '../parts/notice';
import { plural } from '../words';
import { packageOf } from './yaml';

const LINES_AT_FIRST = 3000;

export function SpecText({ spec, name }: { spec: { [name: string]: Json }; name: string }) {
  const text = useMemo(() => packageOf(spec), [spec]);
  const lines = useMemo(() => text.split('\n'), [text]);
  const [all, setAll] = useState(false);
  const cut = !all && lines.length > LINES_AT_FIRST;
  const download = () => {
    const url = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${name.replace(/[^\w.-]+/g, '_') || 'pipeline'}.yaml`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <>
      <div class="filters spec-bar">
        <span class="soft small">{plural(lines.length - 1, 'line')} of YAML, which can be uploaded as a package</span>
        <span class="grow" />
        <Copy text={text} />
        <button onClick={download}>Download</button>
      </div>
      <div class="panel-body spec" tabIndex={0} role="region" aria-label="The compiled pipeline">
        <pre class="mono">{cut ? lines.slice(0, LINES_AT_FIRST).join('\n') : text}</pre>
        {cut && <button onClick={() => setAll(true)}>Show all lines</button>}
      </div>
    </>
  );
}
