"""What the kfp SDK does with a pipeline of small Python components that do not wait for each other. For an interpreter
that has kfp.

    kfp_pipelines.py compile COUNT [REQUIREMENT...]   its spec as JSON
    kfp_pipelines.py local COUNT venv|base            runs it with kfp.local, and says how long that took
"""

import json
import os
import pathlib
import sys
import tempfile
import time
from typing import Any, Callable, Sequence

import yaml
from kfp import compiler, dsl, local


def add(a: int, b: int) -> int:
    return a + b


def pipeline_of(count: int, requirements: Sequence[str]) -> Callable[..., Any]:
    component = dsl.component(packages_to_install=list(requirements) or None)(add)

    @dsl.pipeline(name='python-tasks')
    def python_tasks() -> None:
        for i in range(count):
            component(a=i, b=1)
    return python_tasks


def main() -> None:
    command, count, *words = sys.argv[1:]
    if command == 'compile':
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'pipeline.yaml'
            compiler.Compiler().compile(pipeline_of(int(count), words), str(path))
            print(json.dumps(yaml.safe_load(path.read_text())))
        return
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, 'w') as nowhere:
        out, sys.stdout, sys.stderr = sys.stdout, nowhere, nowhere
        local.init(local.SubprocessRunner(use_venv=words == ['venv']), pipeline_root=folder)
        pipeline = pipeline_of(int(count), [])
        begun = time.monotonic()
        pipeline()
        print(json.dumps({'seconds': time.monotonic() - begun}), file=out)


if __name__ == '__main__':
    main()
