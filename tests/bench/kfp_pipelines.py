"""What the kfp SDK does with pipelines of small Python components. For an interpreter that has kfp.

    kfp_pipelines.py compile COUNT [REQUIREMENT...]   the spec, as JSON, of COUNT components that wait for none
    kfp_pipelines.py local COUNT venv|base            runs that with kfp.local, and says how long that took
    kfp_pipelines.py chain|fan COUNT                  the spec of COUNT steps, each after the other or each by itself
    kfp_pipelines.py first_line FILE                  of a component that first of all appends the time to FILE
    kfp_pipelines.py retrain                          of the example
    kfp_pipelines.py local_chain COUNT                runs that chain with kfp.local, says how long it took once warm
"""

import json
import os
import pathlib
import sys
import tempfile
import time
from typing import Any, Callable, Dict, Sequence

import yaml
from kfp import compiler, dsl, local

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'


def add(a: int, b: int) -> int:
    return a + b


@dsl.component
def step(x: int) -> int:
    return x + 1


@dsl.component
def first_line(path: str) -> None:
    from time import time_ns
    now = time_ns()
    with open(path, 'a') as file:
        file.write(f'{now}\n')


def pipeline_of(count: int, requirements: Sequence[str] = ()) -> Callable[..., Any]:
    component = dsl.component(packages_to_install=list(requirements) or None)(add)

    @dsl.pipeline(name='python-tasks')
    def python_tasks() -> None:
        for i in range(count):
            component(a=i, b=1)
    return python_tasks


def chain_of(count: int) -> Callable[..., Any]:
    @dsl.pipeline(name='chain')
    def chain() -> None:
        value = 0
        for _ in range(count):
            value = step(x=value).output
    return chain


def fan_of(count: int) -> Callable[..., Any]:
    @dsl.pipeline(name='fan')
    def fan() -> None:
        for i in range(count):
            step(x=i)
    return fan


def first_line_of(path: str) -> Callable[..., Any]:
    @dsl.pipeline(name='first-line')
    def one() -> None:
        first_line(path=path)
    return one


def retrain() -> Callable[..., Any]:
    sys.path.append(str(EXAMPLES))
    import retrain as example  # pylint: disable=import-outside-toplevel
    return example.retrain


def spec_of(pipeline: Callable[..., Any]) -> Dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'pipeline.yaml'
        compiler.Compiler().compile(pipeline, str(path))
        return yaml.safe_load(path.read_text())


def local_seconds(pipeline: Callable[..., Any], use_venv: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        local.init(local.SubprocessRunner(use_venv=use_venv), pipeline_root=folder)
        begun = time.monotonic()
        pipeline()
        return time.monotonic() - begun


COMMANDS: Dict[str, Callable[..., Dict[str, Any]]] = {
    'compile': lambda count, *requirements: spec_of(pipeline_of(int(count), requirements)),
    'chain': lambda count: spec_of(chain_of(int(count))),
    'fan': lambda count: spec_of(fan_of(int(count))),
    'first_line': lambda path: spec_of(first_line_of(path)),
    'retrain': lambda: spec_of(retrain()),
    'local': lambda count, kind: {'seconds': local_seconds(pipeline_of(int(count)), kind == 'venv')},
    'local_chain': lambda count: {'seconds': [local_seconds(chain_of(int(count)), False) for _ in range(2)][-1]},
}


def main() -> None:
    command, *words = sys.argv[1:]
    out = sys.stdout
    with open(os.devnull, 'w') as nowhere:
        # kfp.local writes the logs of its tasks to both.
        sys.stdout = nowhere
        if command.startswith('local'):
            sys.stderr = nowhere
        result = COMMANDS[command](*words)
    print(json.dumps(result), file=out)


if __name__ == '__main__':
    main()
