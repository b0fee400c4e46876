// A table of any length: only the rows that can be seen are there. Rows have one height. It is worked with by the
// keyboard too: j and k or the arrows move, Enter opens, x selects.

import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  key: string;
  title: string;
  help?: string;
  width: string; // of CSS grid
  numeric?: boolean;
  cell: (row: Row) => ComponentChildren;
  sort?: string; // what onSort is told; without it the column cannot be sorted by
  remove?: () => void;
}

export interface Sorting {
  by: string;
  descending: boolean;
}

// Of "name asc".
export function sortingOf(order: string): Sorting {
  const [by = '', direction] = order.split(' ');
  return { by, descending: direction === 'desc' };
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
  hrefOf?: (row: Row) => string;
  onOpen?: (row: Row) => void;
  isOpen?: (row: Row) => boolean;
  rowHeight?: number;
  selected?: ReadonlySet<string>;
  onSelect?: (selected: Set<string>) => void;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  onEnd?: () => void; // the last row can be seen
  footer?: ComponentChildren;
}

const OVERSCAN = 16;
const STEP = 8; // rows by which what is there moves: most frames of scrolling change nothing

interface Window {
  first: number;
  last: number; // behind the last row that is there
  rowsShown: number; // on a page
}

// Which of `count` rows are there, as the box is scrolled.
function useWindow(box: RefObject<HTMLDivElement | null>, count: number, rowHeight: number): Window {
  const [view, setView] = useState({ step: 0, height: 800 });
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => {
      const step = Math.floor(element.scrollTop / rowHeight / STEP);
      const height = element.clientHeight;
      setView((old) => (old.step === step && old.height === height ? old : { step, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);
  return {
    first: Math.max(0, view.step * STEP - OVERSCAN),
    last: Math.min(count, (view.step + 1) * STEP + Math.ceil(view.height / rowHeight) + OVERSCAN),
    rowsShown: Math.max(1, Math.floor(view.height / rowHeight) - 1),
  };
}

// What selects a row, or with `range` all from the last one on.
function useSelecting<Row>({ rows, keyOf, selected, onSelect }: Props<Row>): (index: number, range: boolean) => void {
  const anchor = useRef(-1);
  return (index, range) => {
    if (!selected || !onSelect) return;
    const next = new Set(selected);
    const add = !next.has(keyOf(rows[index]!));
    const from = range && anchor.current >= 0 ? Math.min(anchor.current, index) : index;
    const to = range && anchor.current >= 0 ? Math.max(anchor.current, index) : index;
    for (let i = from; i <= to; ++i) {
      if (add) next.add(keyOf(rows[i]!));
      else next.delete(keyOf(rows[i]!));
    }
    anchor.current = index;
    onSelect(next);
  };
}

// The row that a key moves to, if it does.
function movedTo(key: string, at: number, count: number, page: number): number | undefined {
  const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: page, PageUp: -page }[key];
  if (by !== undefined) return at + by;
  return { Home: 0, End: count - 1 }[key];
}

export function Table<Row>(props: Props<Row>) {
  const { columns, rows, rowHeight = 40, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const { first, last, rowsShown } = useWindow(box, rows.length, rowHeight);
  const [at, setAt] = useState(-1);
  const toggle = useSelecting(props);
  useEffect(() => {
    if (last >= rows.length) props.onEnd?.();
  }, [last, rows.length]);

  const open = (row: Row) => {
    if (props.onOpen) props.onOpen(row);
    else if (props.hrefOf) location.hash = props.hrefOf(row);
  };
  const move = (index: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, index));
    setAt(to);
    const element = box.current!;
    const header = element.querySelector<HTMLElement>('[role=rowgroup]')?.offsetHeight ?? 0;
    const top = to * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight + header > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight + header - element.clientHeight;
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const inField = (event.target as Element).matches('input, select, button');
    if (event.ctrlKey || event.metaKey || event.altKey || inField) return;
    const to = movedTo(event.key, at, rows.length, rowsShown);
    if (to !== undefined) move(to);
    else if (event.key === 'Enter' && rows[at]) open(rows[at]!);
    else if (event.key === 'x' && rows[at]) toggle(at, false);
    else return;
    event.preventDefault();
  };

  const padding = { paddingTop: `${first * rowHeight}px`, paddingBottom: `${(rows.length - last) * rowHeight}px` };
  return (
    <div
      class="table"
      ref={box}
      tabIndex={0}
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-multiselectable={selected ? true : undefined}
      onKeyDown={onKey}
      aria-activedescendant={at >= first && at < last ? `row-${at}` : undefined}
    >
      <div
        class="table-inner"
        style={{ '--columns': (selected ? '34px ' : '') + columns.map((column) => column.width).join(' ') }}
      >
        <Heads {...props} />
        <div role="rowgroup" style={padding}>
          {rows.slice(first, last).map((row, i) => (
            <BodyRow
              key={props.keyOf(row)}
              table={props}
              row={row}
              index={first + i}
              isAt={first + i === at}
              toggle={toggle}
              open={() => {
                setAt(first + i);
                open(row);
              }}
            />
          ))}
        </div>
        {props.footer}
      </div>
    </div>
  );
}

function Heads<Row>({ columns, rows, keyOf, selected, onSelect, sorting, onSort }: Props<Row>) {
  const all = rows.length > 0 && selected !== undefined && rows.every((row) => selected.has(keyOf(row)));
  return (
    <div class="table-head" role="rowgroup">
      <div class="table-row" role="row" aria-rowindex={1}>
        {selected && (
          <span role="columnheader">
            <input
              type="checkbox"
              checked={all}
              aria-label="Select all that are loaded"
              onChange={() => onSelect!(all ? new Set() : new Set(rows.map(keyOf)))}
            />
          </span>
        )}
        {columns.map((column) => (
          <Head key={column.key} column={column} sorting={sorting} onSort={onSort} />
        ))}
      </div>
    </div>
  );
}

interface BodyRowProps<Row> {
  table: Props<Row>;
  row: Row;
  index: number;
  isAt: boolean; // the one that keys work on
  toggle: (index: number, range: boolean) => void;
  open: () => void;
}

function BodyRow<Row>({ table, row, index, isAt, toggle, open }: BodyRowProps<Row>) {
  const { columns, keyOf, rowHeight = 40, selected } = table;
  const isSelected = selected?.has(keyOf(row));
  const classes = ['table-row', 'table-body-row', isAt && 'at', table.isOpen?.(row) && 'open'];
  return (
    <div
      id={`row-${index}`}
      class={classes.filter(Boolean).join(' ')}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      style={{ height: `${rowHeight}px` }}
      onClick={(event) => {
        const inField = (event.target as Element).closest('a, button, input, label');
        if (!inField && !getSelection()?.toString()) open();
      }}
    >
      {selected && (
        <span role="gridcell">
          <input
            type="checkbox"
            checked={isSelected}
            aria-label="Select"
            onClick={(event) => toggle(index, event.shiftKey)}
          />
        </span>
      )}
      {columns.map((column) => (
        <span key={column.key} role="gridcell" class={column.numeric ? 'numeric' : undefined}>
          {column.cell(row)}
        </span>
      ))}
    </div>
  );
}

function Head<Row>({
  column,
  sorting,
  onSort,
}: {
  column: Column<Row>;
  sorting?: Sorting;
  onSort?: (s: Sorting) => void;
}) {
  const active = sorting !== undefined && sorting.by === column.sort;
  const order = active ? (sorting.descending ? 'descending' : 'ascending') : undefined;
  return (
    <span role="columnheader" class={column.numeric ? 'numeric' : undefined} aria-sort={order} title={column.help}>
      {column.sort && onSort ? (
        <button
          class="sort"
          onClick={() =>
            onSort({ by: column.sort!, descending: active ? !sorting.descending : column.numeric === true })
          }
        >
          {column.title}
          <span aria-hidden="true">{active ? (sorting.descending ? ' ↓' : ' ↑') : ''}</span>
        </button>
      ) : (
        column.title || <span class="visually-hidden">{column.help ?? column.key}</span>
      )}
      {column.remove && (
        <button class="quiet" aria-label={`Remove the column ${column.title}`} onClick={column.remove}>
          ×
        </button>
      )}
    </span>
  );
}
