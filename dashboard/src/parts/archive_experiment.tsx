// Archives or restores an experiment: what comes with it is said first.

import { useEffect, useRef, useState } from 'preact/hooks';
import { setArchived } from '../api/experiments';
import type { Experiment } from '../api/types';
import { tell, tellError } from './toast';

interface Props {
  experiment: Experiment;
  done: () => void;
  close: () => void;
}

export function ArchiveExperiment({ experiment, done, close }: Props) {
  const [busy, setBusy] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current!.focus(), []);
  const archived = experiment.storage_state === 'ARCHIVED';
  const word = archived ? 'Restore' : 'Archive';
  const perform = async () => {
    setBusy(true);
    try {
      await setArchived(experiment.experiment_id, !archived);
      tell(`${experiment.display_name} is ${archived ? 'restored' : 'archived'}.`);
      close();
      done();
    } catch (error) {
      tellError(error);
      setBusy(false);
    }
  };
  return (
    <div
      class="why-box row"
      role="group"
      aria-label={`${word} ${experiment.display_name}`}
      onKeyDown={(event) => event.key === 'Escape' && (event.stopPropagation(), close())}
    >
      <span>
        {word} <b>{experiment.display_name}</b>
        {archived
          ? '? Its runs stay archived, its schedules disabled.'
          : ' with all of its runs, and disable its schedules? Runs that are active go on.'}
      </span>
      <button class="primary" ref={button} disabled={busy} onClick={perform}>
        {word}
      </button>
      <button onClick={close}>Cancel</button>
    </div>
  );
}
