"""The dashboard's sources: types, unit tests in a browser, and that the committed assets are what they give."""

import filecmp
import platform
import subprocess

import pytest

from dashboard_build import ROOT, SOURCES, build

pytestmark = pytest.mark.sqlite('it is about sources')

ASSETS = ROOT / 'gateway/dashboard/assets'
MACHINES = {'x86_64': 'x64', 'aarch64': 'arm64'}


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The assets as the sources give them now."""
    folder = tmp_path_factory.mktemp('dashboard') / 'assets'
    build(str(folder))
    return folder


def test_the_committed_assets_are_those_of_the_sources(built):
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in ASSETS.iterdir()), 'run: go -C dashboard/build run .'
    same, different, strange = filecmp.cmpfiles(built, ASSETS, names, shallow=False)
    assert not different and not strange, 'run: go -C dashboard/build run .'


def test_types(built):
    machine = MACHINES.get(platform.machine())
    compiler = SOURCES / f'node_modules/@typescript/typescript-linux-{machine}/lib/tsc'
    done = subprocess.run([str(compiler), '--noEmit'], cwd=SOURCES, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_units(built, chromium, tmp_path):
    build('--test', str(tmp_path / 'tests.js'))
    page = chromium.new_page()
    page.goto('about:blank')
    page.add_script_tag(path=str(tmp_path / 'tests.js'), type='module')
    page.wait_for_function('window.runAll !== undefined')
    outcomes = page.evaluate('window.runAll()')
    page.close()
    assert len(outcomes) > 15
    failed = [f'{one["name"]}: {one["error"]}' for one in outcomes if one.get('error')]
    assert not failed, '\n\n'.join(failed)


def test_it_stays_small():
    """What the first page loads is at most 150 kB, all of it 300 kB, gzipped."""
    import gzip
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in ASSETS.iterdir()}
    print(sizes)
    assert sum(sizes.values()) < 300_000
