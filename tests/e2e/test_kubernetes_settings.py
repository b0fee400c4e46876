"""What kfp-kubernetes writes into packages is what the tests of the Go program that makes pods take for it."""

import importlib.util
import pathlib
import types

import pytest

kubernetes = pytest.importorskip('kfp.kubernetes', reason='kfp-kubernetes is there with the newest kfp alone')

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / 'tests/kubernetes/settings_corpus.py'
COMMITTED = ROOT / 'executor/kube/podspec/testdata/settings.jsonl'
# Components, which have no settings.
COMPONENTS = {'CreatePVC', 'DeletePVC'}


@pytest.fixture(scope='module')
def corpus() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location('settings_corpus', CORPUS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_settings_are_those_of_kfp_kubernetes(corpus: types.ModuleType):
    assert COMMITTED.read_text().splitlines() == list(corpus.lines()), \
        f'{CORPUS.name} prints other settings now: write its output into {COMMITTED}, and look at what differs'


def test_every_function_of_kfp_kubernetes_is_called():
    text = CORPUS.read_text()
    missing = {name for name in kubernetes.__all__ if f'kubernetes.{name}(' not in text}
    assert missing == COMPONENTS
