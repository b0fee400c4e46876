// The table of a comparison: runs are columns, what they were made of and gave are rows.

import { useState } from 'preact/hooks';
import { StateIcon } from '../parts/state';
import { Ago } from '../parts/time';
import { Value } from '../parts/value';
import { hrefOf, setQuery, type Place } from '../router';
import { plural } from '../words';
import {
  deltaText,
  folded,
  numberShown,
  shortHash,
  type Cell,
  type ComparedRun,
  type Row,
  type Section,
} from './comparison';
import type { Compared } from './load';

const SECTIONS: [name: string, title: string][] = [
  ['parameters', 'Parameters'],
  ['metrics', 'Metrics'],
  ['inputs', 'Data that was taken'],
  ['outputs', 'What was made'],
  ['code', 'Code'],
  ['packages', 'Packages'],
  ['infrastructure', 'Infrastructure'],
  ['run', 'Run'],
  ['tags', 'Tags'],
  ['resources', 'Times and resources'],
];
const ROWS_AT_FIRST = 60;
const ROWS_MORE = 300;

interface Props {
  compared: Compared;
  ids: string[]; // as they stand in the address
  place: Place;
}

// In the order above; sections that are not known there come last.
function ordered(sections: Section[]): Section[] {
  const rank = ({ name }: Section) =>
    (SECTIONS.findIndex(([one]) => one === name) + SECTIONS.length + 1) % (SECTIONS.length + 1);
  return [...sections].sort((a, b) => rank(a) - rank(b));
}

export function SideBySide({ compared, ids, place }: Props) {
  const { runs } = compared;
  const text = place.query.get('text')?.toLowerCase() ?? '';
  const closed = place.query.getAll('closed');
  const fits = (row: Row) => !text || [row.key, ...row.tasks].some((one) => one.toLowerCase().includes(text));
  const sections = ordered(compared.sections).map((section) => ({
    ...section,
    rows: folded(section.rows.filter(fits)),
  }));
  const shown = sections.filter(({ rows }) => rows.length > 0);
  const toggle = (name: string) =>
    setQuery({ closed: closed.includes(name) ? closed.filter((one) => one !== name) : [...closed, name] });
  return (
    <div class="compare" tabIndex={0} role="region" aria-label="Runs side by side">
      <table>
        <thead>
          <tr>
            <th scope="col">{plural(runs.length, 'run')}</th>
            {runs.map((run, i) => (
              <RunHead key={run.run_id} run={run} baseline={i === 0} ids={ids} />
            ))}
          </tr>
        </thead>
        {shown.map((section) => (
          <Group
            key={section.name}
            section={section}
            runs={runs}
            open={!closed.includes(section.name)}
            toggle={() => toggle(section.name)}
          />
        ))}
      </table>
      {shown.length === 0 && (
        <p class="notice-empty">{text ? 'Nothing has such a name.' : 'These runs do not differ.'}</p>
      )}
    </div>
  );
}

function RunHead({ run, baseline, ids }: { run: ComparedRun; baseline: boolean; ids: string[] }) {
  const without = ids.filter((id) => id !== run.run_id);
  return (
    <th scope="col">
      <div class="compare-run">
        <span class="row">
          <StateIcon state={run.state} />
          <a class="cut grow" href={hrefOf(['runs', 'details', run.run_id])} title={run.display_name}>
            {run.display_name}
          </a>
        </span>
        <span class="row small soft">
          <Ago at={run.created_at} />
          {baseline ? (
            <b>baseline</b>
          ) : (
            <button
              class="quiet"
              aria-label={`Make ${run.display_name} the baseline`}
              onClick={() => setQuery({ baseline: run.run_id })}
            >
              Baseline
            </button>
          )}
          {ids.length > 2 && (
            <button
              class="quiet"
              aria-label={`Leave out ${run.display_name}`}
              onClick={() => setQuery({ runlist: without.join(','), ...(baseline ? { baseline: undefined } : {}) })}
            >
              ×
            </button>
          )}
        </span>
      </div>
    </th>
  );
}

function Group({
  section,
  runs,
  open,
  toggle,
}: {
  section: Section;
  runs: ComparedRun[];
  open: boolean;
  toggle: () => void;
}) {
  const [most, setMost] = useState(ROWS_AT_FIRST);
  const title = SECTIONS.find(([name]) => name === section.name)?.[1] ?? section.name;
  const rows = open ? section.rows.slice(0, most) : [];
  const left = section.rows.length - most;
  return (
    <tbody>
      <tr class="compare-section">
        <th colSpan={runs.length + 1} scope="rowgroup">
          <button class="quiet" aria-expanded={open} onClick={toggle}>
            <span aria-hidden="true">{open ? '▾' : '▸'}</span> {title}{' '}
            <span class="soft small">{plural(section.rows.length, 'row')}</span>
          </button>
        </th>
      </tr>
      {rows.map((row) => (
        <ComparedRow key={JSON.stringify([row.tasks[0], row.key])} row={row} metric={section.name === 'metrics'} />
      ))}
      {open && left > 0 && (
        <tr>
          <th colSpan={runs.length + 1}>
            <button onClick={() => setMost(most + ROWS_MORE)}>
              Show {Math.min(left, ROWS_MORE)} of {plural(left, 'further row')}
            </button>
          </th>
        </tr>
      )}
    </tbody>
  );
}

function ComparedRow({ row, metric }: { row: Row; metric: boolean }) {
  const [baseline] = row.cells;
  return (
    <tr>
      <th scope="row">
        {row.tasks.length > 0 && (
          <span class="soft small" title={row.tasks.join('\n')}>
            {row.tasks.length === 1 ? row.tasks[0] : plural(row.tasks.length, 'task')}{' '}
          </span>
        )}
        <span>{row.key}</span>
      </th>
      {row.cells.map((cell, i) => (
        <ValueCell key={i} cell={cell} baseline={baseline!} first={i === 0} metric={metric} differs={row.differs} />
      ))}
    </tr>
  );
}

interface CellProps {
  cell: Cell;
  baseline: Cell;
  first: boolean;
  metric: boolean;
  differs: boolean; // the row
}

function ValueCell({ cell, baseline, first, metric, differs }: CellProps) {
  const other = differs && !first && cell.text !== baseline.text;
  const delta = metric && other ? deltaText(cell.text, baseline.text) : '';
  if (cell.text === undefined) {
    return (
      <td class={metric ? 'soft numeric' : 'soft'}>
        {other && <Other />}
        <span title="The run has no such thing">–</span>
      </td>
    );
  }
  return (
    <td
      class={[metric && 'numeric', other && 'other', cell.isDefault && 'soft'].filter(Boolean).join(' ') || undefined}
    >
      {other && <Other />}
      {metric ? (
        <span class="mono" title={cell.text}>
          {numberShown(cell.text)}
        </span>
      ) : (
        <Short text={cell.text} />
      )}
      {delta && <span class="small soft"> {delta}</span>}
      {cell.isDefault && <span class="small"> default</span>}
      {cell.shortened && <span class="small soft"> and more</span>}
    </td>
  );
}

function Short({ text }: { text: string }) {
  const short = shortHash(text);
  return short === text ? <Value value={text} /> : <code title={text}>{short}</code>;
}

function Other() {
  return (
    <span class="compare-other" title="Not as in the baseline" role="img" aria-label="differs:">
      ≠
    </span>
  );
}
