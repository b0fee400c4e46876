"""The programs as the image, compose and the unit start them, on PostgreSQL and as another user than root."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Any, Dict, Iterator, List

import pytest
import requests

import processes
import specs
from deploy_files import DEPLOY, compose, environment_of, stages
from penstock import API, PROGRAMS, ROOT
from waiting import wait_until

sys.path.insert(0, str(ROOT / 'tests/support'))

from private_postgres import PrivatePostgres, free_port  # noqa: E402

pytestmark = pytest.mark.sqlite('it names its database itself')

# Makes the command process 1 of a world of its own, in which all ends with it: what a container engine does.
NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']


class Installed:
    """The programs in a folder of their own, with the image's environment but free ports on loopback. Start ends with
    close()."""

    def __init__(self, database_url: str) -> None:
        # Not in pytest's folder, which nobody but its user may enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='penstock-deployed-', dir='/tmp'))
        self.folder.chmod(0o755)
        self.ports = {'8887': free_port(), '8888': free_port()}
        self.bin = self.folder / 'bin'
        self.bin.mkdir()
        for name in ('penstock', 'penstock-gateway', 'penstock-runner'):
            shutil.copy(PROGRAMS / name, self.bin / name)
        self.user = pwd.getpwnam('nobody') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        data = self.folder / 'data'
        data.mkdir(mode=0o700)
        os.chown(data, self.user.pw_uid, self.user.pw_gid)
        image = environment_of(stages()[-1])
        python = shutil.which('python3', path='/usr/local/bin:/usr/bin:/bin') or sys.executable
        moved = {image['PENSTOCK_DATA_DIR']: str(data), image['PENSTOCK_PYTHON']: python}
        self.environment = {name: self.here(moved.get(value, value)) for name, value in image.items()}
        self.environment['PATH'] = f'{self.bin}:/usr/local/bin:/usr/bin:/bin'
        self.environment['PENSTOCK_DATABASE_URL'] = database_url
        self.started: List['subprocess.Popen[bytes]'] = []

    def here(self, text: str) -> str:
        """A text of deploy/ with the addresses of this test."""
        for port, free in self.ports.items():
            text = re.sub(rf'(?<=[:\s]){port}\b', str(free), text)
        return re.sub(r'\b(?:0\.0\.0\.0|server):', '127.0.0.1:', text)

    def start(self, *command: str, prefix: List[str] = []) -> 'subprocess.Popen[bytes]':
        words = [*prefix]
        if os.geteuid() == 0:
            words += ['setpriv', f'--reuid={self.user.pw_uid}', f'--regid={self.user.pw_gid}', '--clear-groups',
                      '--no-new-privs', '--bounding-set=-all']
        words += [str(self.bin / command[0]), *map(self.here, command[1:])]
        with (self.folder / 'log').open('ab') as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                                       cwd=self.folder, start_new_session=True)
        self.started.append(process)
        return process

    def wait_healthy(self, test: List[str]) -> None:
        """Until the command of a health check succeeds."""
        assert test[0] == 'CMD'
        words = [self.here(word) for word in test[1:]]

        def probe() -> bool:
            assert all(process.poll() is None for process in self.started), self.log()
            return subprocess.run(words, env=self.environment, capture_output=True, timeout=30).returncode == 0
        wait_until(f'the health check {words}, log {self.folder}/log', probe, 60)

    def request(self, method: str, path: str, **arguments: Any) -> Dict[str, Any]:
        answer = self.answer(method, path, **arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answer(self, method: str, path: str, **arguments: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            url = f'http://127.0.0.1:{self.ports["8888"]}{API}{path}'
            return session.request(method, url, timeout=30, **arguments)

    def create_run(self, spec: Dict[str, Any]) -> str:
        return self.request('POST', '/runs', json={'display_name': 'run', 'pipeline_spec': spec})['run_id']

    def wait_state(self, run_id: str, state: str) -> Dict[str, Any]:
        def reached() -> Dict[str, Any]:
            run = self.request('GET', f'/runs/{run_id}')
            return run if run['state'] == state else {}
        return wait_until(f'run {run_id} to be {state}, log {self.folder}/log', reached, 60)

    def log(self) -> str:
        return (self.folder / 'log').read_text(errors='replace')

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        processes.end_mentioning(str(self.folder))
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def installed(postgres: PrivatePostgres) -> Iterator[Installed]:
    made = Installed(postgres.url(tcp=True))
    try:
        yield made
    finally:
        made.close()


def image_check() -> List[str]:
    words = stages()[-1].all('HEALTHCHECK')[0].split('CMD ', 1)[1]
    return ['CMD', *re.findall(r'"([^"]*)"', words)]


def test_server_and_gateway_as_compose_starts_them(installed, postgres):
    services = compose()['services']
    server = installed.start('penstock', *services['server']['command'])
    installed.wait_healthy(services['server']['healthcheck']['test'])
    gateway = installed.start(*services['gateway']['entrypoint'], *services['gateway']['command'])
    installed.wait_healthy(image_check())
    assert pathlib.Path(f'/proc/{server.pid}').stat().st_uid == installed.user.pw_uid
    assert processes.child_named(server.pid, 'penstock-gateway') is None

    # As in the image: a page of a stranger whose name was made to mean this machine is refused.
    assert installed.answer('GET', '/runs', headers={'Host': 'evil.example.org'}).status_code == 403
    assert installed.answer('GET', '/runs', headers={'Host': 'localhost:8888'}).status_code == 200

    run_id = installed.create_run(specs.noop())
    installed.wait_state(run_id, 'SUCCEEDED')
    assert postgres.sql(f"SELECT count(*) FROM runs WHERE run_id = '{run_id}'") == '1'
    assert not (installed.folder / 'data/penstock.db').exists()

    # The server is started anew while the gateway stays, as after a change of its settings.
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0, installed.log()
    installed.started.remove(server)
    server = installed.start('penstock', *services['server']['command'])
    installed.wait_healthy(image_check())
    assert installed.request('GET', f'/runs/{run_id}')['state'] == 'SUCCEEDED'
    for process in (gateway, server):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, installed.log()


def test_what_the_end_of_a_container_does_to_tasks(installed, tmp_path):
    """The server ends in order, its supervisor and the tasks are killed, and the next container tells their runs so."""
    if subprocess.run([*NAMESPACE, 'true'], capture_output=True).returncode != 0:
        pytest.skip('a process namespace cannot be made here; root can')
    container = installed.start('penstock', prefix=NAMESPACE)
    installed.wait_healthy(image_check())
    journal = specs.Journal(installed.folder / 'journal')
    journal.folder.chmod(0o777)
    run_id = installed.create_run(specs.shell_pipeline({'long': specs.Shell(journal.writes('long', gate='never'))}))
    wait_until('the task to run', lambda: journal.started('long'))

    # As `docker stop` does: the signal goes to process 1, and all that is left ends with it.
    first, = processes.children(container.pid)
    os.kill(first, signal.SIGTERM)
    assert container.wait(30) == 0, installed.log()
    installed.started.remove(container)
    wait_until('the end of all processes', lambda: not processes.mentioning(str(installed.folder)))

    installed.start('penstock', prefix=NAMESPACE)
    installed.wait_healthy(image_check())
    run = installed.wait_state(run_id, 'FAILED')
    task, = run['run_details']['task_details']
    assert 'how it ended is not known' in task['error']['message']
    assert journal.lines() == ['start long']
    installed.wait_state(installed.create_run(specs.noop()), 'SUCCEEDED')


def test_the_sample_settings_of_the_unit(make_server):
    server = make_server(f'--config={DEPLOY / "penstock.conf"}').start()
    run_id = server.create_run(specs.noop())
    server.succeed(run_id)
    server.stop()
    # One of its settings, so it was read.
    assert server.log.read_text().startswith('{"')
