"""Runs of the conformance suite: started with kfp.Client, and what is seen of them afterwards."""

import pathlib
from typing import Any, Dict, List, Tuple, Union

import yaml

import specs
from penstock import Server

SECONDS = 600


class Ran:
    """A run that has ended."""

    def __init__(self, server: Server, detail: Any, journal: pathlib.Path) -> None:
        self.server = server
        self.detail = detail
        self.run_id = detail.run_id
        self.state = detail.state
        text = journal.read_text() if journal.exists() else ''
        words = text.split('\0')[:-1]
        # What the components of parts.py recorded, in order.
        self.journal: List[Tuple[str, str]] = list(zip(words[::2], words[1::2]))
        self.tasks = detail.run_details.task_details if detail.run_details else []

    @property
    def order(self) -> List[str]:
        return [name for name, _ in self.journal]

    def once(self) -> Dict[str, str]:
        """The values by name; nothing was recorded twice."""
        assert len(set(self.order)) == len(self.order), f'recorded more than once: {self.order}'
        return dict(self.journal)

    def values(self, name: str) -> List[str]:
        return [value for key, value in self.journal if key == name]

    def named(self, name: str) -> List[Any]:
        return [task for task in self.tasks if task.display_name == name]

    def task(self, name: str) -> Any:
        found = self.named(name)
        assert len(found) == 1, f'{len(found)} tasks are named {name!r}: {sorted(t.display_name for t in self.tasks)}'
        return found[0]

    def states(self) -> Dict[str, Union[str, List[str]]]:
        """The states by display name; a list where several tasks share one."""
        names = {task.display_name for task in self.tasks}
        seen = {name: sorted(task.state for task in self.named(name)) for name in names}
        return {name: states[0] if len(states) == 1 else states for name, states in seen.items()}

    def error(self, name: str) -> str:
        error = self.task(name).error
        return error.message if error else ''

    def log(self, name: str) -> str:
        return self.server.log_of(self.run_id, self.task(name).task_id)

    def explain(self) -> str:
        failed = [f'{task.display_name}: {task.error.message}' for task in self.tasks if task.error]
        return '\n'.join([f'the run is {self.state}', *failed, *(map(str, self.journal))])


class Runner:
    """Starts runs whose tasks record into one file, and waits for their end."""

    def __init__(self, server: Server, folder: pathlib.Path) -> None:
        self.server = server
        self.client = server.client()
        self.folder = folder
        self._runs = 0

    def run(self, pipeline: Any, ends: str = 'SUCCEEDED', options: Any = None, **arguments: Any) -> Ran:
        """`pipeline` is one of the DSL, or a spec; `options` are those of the client. An input named "to" is given
        the file that the components of parts.py record into."""
        return self.wait(self.start(pipeline, options, **arguments), ends)

    def start(self, pipeline: Any, options: Any = None, **arguments: Any) -> Tuple[str, pathlib.Path]:
        self._runs += 1
        journal = self.folder / f'journal{self._runs}'
        package = self.folder / f'package{self._runs}.yaml'
        spec = pipeline if isinstance(pipeline, dict) else specs.compiled(pipeline)
        documents = [spec['pipeline_spec'], spec['platform_spec']] if 'platform_spec' in spec else [spec]
        package.write_text(yaml.safe_dump_all(documents))
        if 'to' in documents[0]['root'].get('inputDefinitions', {}).get('parameters', {}):
            arguments.setdefault('to', str(journal))
        made = self.client.create_run_from_pipeline_package(str(package), arguments=arguments, **(options or {}))
        return made.run_id, journal

    def wait(self, started: Tuple[str, pathlib.Path], ends: str = 'SUCCEEDED') -> Ran:
        detail = self.client.wait_for_run_completion(started[0], timeout=SECONDS, sleep_duration=0.02)
        ran = Ran(self.server, detail, started[1])
        assert ran.state == ends, ran.explain()
        return ran
