"""Pipelines for tests: compiled from the DSL, or made of shell tasks by hand where only the shape matters."""

import pathlib
import tempfile
from typing import Any, Callable, Dict, List, Optional, Sequence

import yaml
from kfp import compiler

TYPES = {'s': 'STRING', 'i': 'NUMBER_INTEGER', 'd': 'NUMBER_DOUBLE', 'b': 'BOOLEAN', 'l': 'LIST', 'o': 'STRUCT'}


def compiled(pipeline: Callable[..., Any]) -> Dict[str, Any]:
    """The spec that the SDK compiles; with a platform document, both in the form that runs take."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'pipeline.yaml'
        compiler.Compiler().compile(pipeline, str(path))
        documents = list(yaml.safe_load_all(path.read_text()))
    return documents[0] if len(documents) == 1 else {'pipeline_spec': documents[0], 'platform_spec': documents[1]}


class Shell:
    """A task that runs a shell script. `takes` names run parameters; the script reads them as $1, $2, ..."""

    def __init__(self, script: str, after: Sequence[str] = (), takes: Sequence[str] = ()) -> None:
        self.script, self.after, self.takes = script, list(after), list(takes)


def shell_pipeline(tasks: Dict[str, Shell], name: str = 'shell', **parameters: str) -> Dict[str, Any]:
    """A spec of shell tasks. `parameters` are run parameters with their types by first letter, for example text='s'."""
    components, executors, dag = {}, {}, {}
    for key, task in tasks.items():
        definitions = {taken: {'parameterType': TYPES[parameters[taken]]} for taken in task.takes}
        command: List[str] = ['sh', '-c', task.script, key]
        executors[f'exec-{key}'] = {'container': {
            'image': 'alpine', 'command': command,
            'args': [f"{{{{$.inputs.parameters['{taken}']}}}}" for taken in task.takes]}}
        components[f'comp-{key}'] = {'executorLabel': f'exec-{key}'}
        dag[key] = {'taskInfo': {'name': key}, 'componentRef': {'name': f'comp-{key}'}, 'cachingOptions': {}}
        if definitions:
            components[f'comp-{key}']['inputDefinitions'] = {'parameters': definitions}
            dag[key]['inputs'] = {'parameters': {taken: {'componentInputParameter': taken} for taken in task.takes}}
        if task.after:
            dag[key]['dependentTasks'] = task.after
    spec: Dict[str, Any] = {
        'pipelineInfo': {'name': name}, 'schemaVersion': '2.1.0', 'sdkVersion': 'kfp-2.17.0', 'components': components,
        'deploymentSpec': {'executors': executors}, 'root': {'dag': {'tasks': dag}}}
    if parameters:
        spec['root']['inputDefinitions'] = {
            'parameters': {key: {'parameterType': TYPES[kind]} for key, kind in parameters.items()}}
    return spec


def noop(name: str = 'noop') -> Dict[str, Any]:
    return shell_pipeline({'only': Shell('exit 0')}, name)


class Journal:
    """A file that tasks append their names to, and gates that hold them: what ran, how often, and when it may end."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / 'journal'

    def writes(self, key: str, gate: Optional[str] = None) -> str:
        """The script of a task: note that it starts, wait for the gate if there is one, note that it ends."""
        wait = f'while [ ! -e "{self.folder}/{gate}" ]; do sleep 0.05; done; ' if gate else ''
        return (f'echo $$ > "{self.folder}/{key}.pid"; echo "start {key}" >> "{self.path}"; {wait}'
                f'echo "end {key}" >> "{self.path}"')

    def open(self, gate: str) -> None:
        (self.folder / gate).touch()

    def lines(self) -> List[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def started(self, key: str) -> bool:
        return f'start {key}' in self.lines()

    def pid(self, key: str) -> int:
        return int((self.folder / f'{key}.pid').read_text())

    def each_once(self, keys: Sequence[str]) -> None:
        expected = sorted(f'{word} {key}' for key in keys for word in ('start', 'end'))
        assert sorted(self.lines()) == expected
