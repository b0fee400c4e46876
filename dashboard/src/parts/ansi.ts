// Colours of terminals: a line of a log as pieces of text with classes. What else a terminal would do is left out.
// Pure.

export interface Piece {
  text: string;
  classes: string; // of style/log.css; empty: none
}

const SEQUENCE = /\x1b\[([0-9;:]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;
// What has no shape or changes the direction of what follows, shown as what it is.
const INVISIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

function shown(text: string): string {
  return text.replace(INVISIBLE, (sign) => `⟨${sign.codePointAt(0)!.toString(16).padStart(4, '0')}⟩`);
}

export interface Style {
  color: string;
  back: string;
  marks: Set<string>;
}

export const plainStyle = (): Style => ({ color: '', back: '', marks: new Set() });

const MARKS: Record<number, string> = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline', 7: 'reverse', 9: 'strike' };

function classesOf(style: Style): string {
  return [...style.marks, style.color, style.back]
    .filter(Boolean)
    .map((name) => `ansi-${name}`)
    .join(' ');
}

function take(codes: number[], style: Style): void {
  for (let i = 0; i < codes.length; ++i) {
    const code = codes[i]!;
    if (code === 0) {
      style.color = style.back = '';
      style.marks.clear();
    } else if (MARKS[code]) style.marks.add(MARKS[code]);
    else if (code === 22) style.marks = new Set([...style.marks].filter((mark) => mark !== 'bold' && mark !== 'dim'));
    else if (MARKS[code - 20]) style.marks.delete(MARKS[code - 20]!);
    else if (code >= 30 && code <= 37) style.color = `f${code - 30}`;
    else if (code >= 90 && code <= 97) style.color = `f${code - 82}`;
    else if (code === 39) style.color = '';
    else if (code >= 40 && code <= 47) style.back = `b${code - 40}`;
    else if (code >= 100 && code <= 107) style.back = `b${code - 92}`;
    else if (code === 49) style.back = '';
    else if (code === 38 || code === 48) {
      // 256 colours: the first 16 are ours, the others are left out; of 24 bits too.
      const kind = codes[i + 1];
      const color = codes[i + 2] ?? 16;
      if (kind === 5 && color < 16) style[code === 38 ? 'color' : 'back'] = `${code === 38 ? 'f' : 'b'}${color}`;
      i += kind === 5 ? 2 : kind === 2 ? 4 : 0;
    }
  }
}

// `style` goes on from line to line.
export function piecesOf(line: string, style: Style): Piece[] {
  // A progress bar writes over its line: the last of it is what is seen.
  const trimmed = line.endsWith('\r') ? line.slice(0, -1) : line;
  const text = trimmed.slice(trimmed.lastIndexOf('\r') + 1);
  if (!text.includes('\x1b')) return [{ text: shown(text), classes: classesOf(style) }];
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) pieces.push({ text: shown(text.slice(from, match.index)), classes: classesOf(style) });
    from = match.index + match[0].length;
    if (match[2] === 'm') take((match[1] || '0').split(/[;:]/).map(Number), style);
  }
  if (from < text.length) pieces.push({ text: shown(text.slice(from)), classes: classesOf(style) });
  return pieces;
}

// The line where people look first: the last traceback, or the last line that says error.
export function errorLine(lines: string[]): number {
  for (let i = lines.length - 1; i >= 0; --i) if (lines[i]!.startsWith('Traceback (most recent call last)')) return i;
  for (let i = lines.length - 1; i >= 0; --i) if (/\b(error|exception|fatal)\b/i.test(lines[i]!)) return i;
  return -1;
}
