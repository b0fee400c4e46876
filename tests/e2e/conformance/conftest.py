"""The conformance suite: pipelines of our own for the rows of docs/PIPELINE_FORMAT.md, compiled by the SDK and run
through kfp.Client. All share the server of the session."""

import pathlib
from typing import Any, Callable

import pytest

from ran import Ran, Runner


@pytest.fixture
def conform(server, tmp_path: pathlib.Path) -> Runner:
    return Runner(server, tmp_path)


@pytest.fixture
def run(conform: Runner) -> Callable[..., Ran]:
    """Runs a pipeline to its end, which has to be SUCCEEDED unless `ends` says otherwise."""
    return conform.run


@pytest.fixture
def recorded(run) -> Callable[..., Any]:
    """What the tasks of a pipeline recorded, by name; each of them once."""
    def once(pipeline: Any, **arguments: Any) -> Any:
        return run(pipeline, **arguments).once()
    return once
