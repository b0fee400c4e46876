// Markdown as elements, never as HTML: headings, lists, tables, code, quotes, emphasis, links to http and https.

import type { ComponentChildren } from 'preact';

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|__(.+?)__|\*(.+?)\*|\[([^\]]*)\]\(([^)\s]+)[^)]*\)/;

function inline(text: string): ComponentChildren {
  const parts: ComponentChildren[] = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    parts.push(rest.slice(0, match.index));
    const [all, , code, bold, bold2, emphasis, label, href] = match;
    if (code !== undefined) parts.push(<code>{code}</code>);
    else if (bold ?? bold2) parts.push(<strong>{inline((bold ?? bold2)!)}</strong>);
    else if (emphasis !== undefined) parts.push(<em>{inline(emphasis)}</em>);
    else if (/^https?:\/\//.test(href!))
      parts.push(
        <a href={href} rel="noreferrer noopener" target="_blank">
          {label}
        </a>,
      );
    else parts.push(label);
    rest = rest.slice(match.index + all.length);
  }
  parts.push(rest);
  return parts;
}

const cells = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());

export function markdown(text: string): ComponentChildren[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const out: ComponentChildren[] = [];
  const takeWhile = (from: number, keep: (line: string) => boolean) => {
    let to = from;
    while (to < lines.length && keep(lines[to]!)) ++to;
    return to;
  };
  for (let i = 0; i < lines.length;) {
    const line = lines[i]!;
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    if (line.startsWith('```')) {
      const to = takeWhile(i + 1, (one) => !one.startsWith('```'));
      out.push(<pre class="mono">{lines.slice(i + 1, to).join('\n')}</pre>);
      i = to + 1;
    } else if (heading) {
      const Level = `h${Math.min(6, heading[1]!.length + 1)}` as 'h2';
      out.push(<Level>{inline(heading[2]!)}</Level>);
      ++i;
    } else if (line.includes('|') && /^[\s|:-]+$/.test(lines[i + 1] ?? '') && lines[i + 1]!.includes('-')) {
      const to = takeWhile(i + 2, (one) => one.includes('|'));
      out.push(
        <table class="plain">
          <thead>
            <tr>
              {cells(line).map((cell) => (
                <th>{inline(cell)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.slice(i + 2, to).map((row) => (
              <tr>
                {cells(row).map((cell) => (
                  <td>{inline(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>,
      );
      i = to;
    } else if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) {
      const to = takeWhile(i, (one) => /^\s*([-*+]|\d+[.)])\s+/.test(one));
      const items = lines.slice(i, to).map((one) => <li>{inline(one.replace(/^\s*([-*+]|\d+[.)])\s+/, ''))}</li>);
      out.push(/^\s*\d/.test(line) ? <ol>{items}</ol> : <ul>{items}</ul>);
      i = to;
    } else if (line.startsWith('>')) {
      const to = takeWhile(i, (one) => one.startsWith('>'));
      out.push(
        <blockquote>
          {inline(
            lines
              .slice(i, to)
              .map((one) => one.replace(/^>\s?/, ''))
              .join(' '),
          )}
        </blockquote>,
      );
      i = to;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.push(<hr />);
      ++i;
    } else if (!line.trim()) {
      ++i;
    } else {
      const to = Math.max(
        i + 1,
        takeWhile(i, (one) => !!one.trim() && !/^(#|```|>|\s*[-*+]\s)/.test(one)),
      );
      out.push(<p>{inline(lines.slice(i, to).join(' '))}</p>);
      i = to;
    }
  }
  return out;
}
