"""Warm Pythons of shared environments, and of a base that changes: their forks see what is there, and hold up neither a
prune nor a change."""

import os
import pathlib
import subprocess
import sys
import venv
from typing import Any, Callable, Dict, Iterator

import pytest
from kfp import dsl

import processes
import specs
from package_index import PackageIndex
from penstock import Server
from test_warm_python import envs, warm
from waiting import wait_until

pytestmark = pytest.mark.sqlite('interpreters know nothing of the database')


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    served = PackageIndex()
    yield served
    served.close()


@pytest.fixture
def warm_server(make_server) -> Server:
    return make_server('--warm_python=on').start()


def look(folder: str):
    """Says what it runs on, and stays while there is a gate."""
    import gc
    import os
    import time
    import penstock_one
    print('seen', 'fork' if gc.get_freeze_count() else 'fresh', penstock_one.__version__, penstock_one.__file__)
    open(f'{folder}/running', 'w').close()
    while os.path.exists(f'{folder}/gate'):
        time.sleep(0.01)


def spec_of(component: Callable[..., Any]) -> Dict[str, Any]:
    @dsl.pipeline(name='one')
    def one(folder: str):
        component(folder=folder).set_caching_options(False)
    return specs.compiled(one)


def asking(index: PackageIndex, requirement: str) -> Dict[str, Any]:
    return spec_of(dsl.component(packages_to_install=[requirement], pip_index_urls=[index.url],
                                 pip_trusted_hosts=['127.0.0.1'])(look))


class Looked:
    """A task that has ended well."""

    def __init__(self, server: Server, spec: Dict[str, Any], folder: pathlib.Path) -> None:
        self.run_id = server.create_run(spec, folder=str(folder))
        server.succeed(self.run_id, timeout=120)
        self.log = server.log_of(self.run_id, server.tasks(self.run_id)['look']['task_id'])
        line = next(line for line in self.log.splitlines() if line.startswith('seen '))
        _, self.how, self.version, self.place = line.split()


def warmed(server: Server, spec: Dict[str, Any], folder: pathlib.Path) -> Looked:
    """The first task that is a fork."""
    def look_again() -> Any:
        looked = Looked(server, spec, folder)
        return looked if looked.how == 'fork' else None
    return wait_until('a task to be a fork', look_again)


def test_forks_of_a_shared_environment_are_as_its_fresh_tasks(warm_server, index, tmp_path):
    spec = asking(index, index.add('penstock_one'))
    assert Looked(warm_server, spec, tmp_path).how == 'fresh', 'it builds'
    second = Looked(warm_server, spec, tmp_path)
    fork = warmed(warm_server, spec, tmp_path)
    assert (second.how, second.version, second.place) == ('fresh', fork.version, fork.place)
    assert fork.place.startswith(f'{warm_server.data_dir}/envs/')
    assert second.log.splitlines()[0].startswith('penstock: Python environment ')
    assert fork.log.splitlines()[0] == second.log.splitlines()[0]
    tasks = warm_server.ok('GET', f'/apis/penstock/v1/runs/{fork.run_id}/status')['tasks']
    key = pathlib.Path(fork.place).relative_to(warm_server.data_dir / 'envs').parts[0]
    assert [(one['environment'], one['packages']) for task in tasks for one in task['attempts']] == [
        (key, ['penstock_one==1.0'])]
    lock = warm_server.data_dir / 'envs' / f'{key}.lock'
    os.utime(lock, (1, 1))
    assert Looked(warm_server, spec, tmp_path).how == 'fork'
    assert lock.stat().st_mtime > 1, 'the time of last use, by which environments are chosen to be removed'
    wait_until('the list to name it', lambda: [one.environment for one in warm(warm_server)] == ['penstock_one==1.0'])


def test_a_prune_takes_what_only_a_warm_python_has(warm_server, index, tmp_path):
    spec = asking(index, index.add('penstock_one'))
    Looked(warm_server, spec, tmp_path)
    fork = warmed(warm_server, spec, tmp_path)
    key = pathlib.Path(fork.place).relative_to(warm_server.data_dir / 'envs').parts[0]
    wait_until('its warm Python in the list', lambda: warm(warm_server))
    pid = warm(warm_server)[0].pid

    # A fork that runs is a task.
    (tmp_path / 'gate').touch()
    (tmp_path / 'running').unlink()
    run_id = warm_server.create_run(spec, folder=str(tmp_path))
    wait_until('the task to run', (tmp_path / 'running').exists)
    assert envs(warm_server, 'prune') == 'removed 0, 0.0 MiB; 1 in use stay\n'
    (tmp_path / 'gate').unlink()
    warm_server.succeed(run_id)

    wait_until('the end of the task', lambda: ' idle ' in envs(warm_server, 'list'))
    assert envs(warm_server, 'prune').startswith('removed 1, ')
    assert not (warm_server.data_dir / 'envs' / key).exists()
    again = Looked(warm_server, spec, tmp_path)
    assert again.how == 'fresh' and again.place == fork.place
    assert 'building the Python environment' in again.log
    # It is looked at when a task could use it.
    assert warmed(warm_server, spec, tmp_path).place == fork.place
    wait_until('the end of the warm Python', lambda: not processes.alive(pid))


def test_forks_see_a_base_that_has_changed(make_server, index, tmp_path):
    base = tmp_path / 'base'
    venv.create(base, with_pip=True, symlinks=True)
    site = next((base / 'lib').glob('python*')) / 'site-packages'
    (site / 'sdk.pth').write_text('\n'.join(path for path in sys.path if path.endswith('site-packages')) + '\n')

    def install(requirement: str) -> None:
        subprocess.run([base / 'bin/python', '-m', 'pip', 'install', '--quiet', '--index-url', index.url,
                        '--trusted-host', '127.0.0.1', requirement], check=True, stdin=subprocess.DEVNULL)
    install(index.add('penstock_one', '0.9'))
    server = make_server(f'--python={base}/bin/python', '--warm_python=on').start()
    spec = spec_of(dsl.component(look))
    assert warmed(server, spec, tmp_path).version == '0.9'
    install(index.add('penstock_one', '1.0'))
    assert Looked(server, spec, tmp_path).version == '1.0', 'the very next task'
    assert warmed(server, spec, tmp_path).version == '1.0'

    # By hand, with the names of what is installed as they were.
    module = site / 'penstock_one.py'
    module.write_text('__version__ = "edited"\n')
    assert Looked(server, spec, tmp_path).version == 'edited'
    assert warmed(server, spec, tmp_path).version == 'edited'
