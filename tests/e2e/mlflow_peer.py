"""What the tests of MLflow's tracking talk to: Penstock, or with --mlflow-peer=mlflow the server that MLflow ships,
which shows that a test asks for what MLflow does."""

import os
import pathlib
import socket
import subprocess
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
import requests

import processes
from waiting import PATIENCE, wait_until

PEERS = ('penstock', 'mlflow')
TRACKING = '/api/2.0/mlflow'
ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'
# Alembic makes the tables one migration after the other, each with a sync.
MLFLOW_READY_SECONDS = 60
NOT_IMPLEMENTED = 501

# The client reads these when it is imported, and so do its other processes. A server that answers 500 would otherwise
# hold a test up for minutes, for the client tries again. And what packages a model needs, which no test looks at, the
# client finds by loading the model in a process of its own.
for variable in [name for name in os.environ if name.startswith('MLFLOW_')]:
    del os.environ[variable]
os.environ.update(MLFLOW_DISABLE_TELEMETRY='true', MLFLOW_HTTP_REQUEST_MAX_RETRIES='1',
                  MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT='1', MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR='false',
                  MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT='true', GIT_PYTHON_REFRESH='quiet', MPLBACKEND='agg')


def needed() -> Any:
    """The client's module; where it cannot be there, the test module that asks is skipped."""
    return pytest.importorskip('mlflow', reason='mlflow is not installed: tests/requirements-mlflow.txt')


class MlflowServer:
    """`mlflow server` on SQLite with one worker, its files in `folder`."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.log = folder / 'mlflow.log'
        self.port = 0
        self.process: Optional['subprocess.Popen[bytes]'] = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def start(self) -> 'MlflowServer':
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        environment = {'PATH': os.environ['PATH'], 'HOME': str(self.folder), 'LANG': 'C.UTF-8',
                       'MLFLOW_DISABLE_TELEMETRY': 'true', 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false',
                       'GIT_PYTHON_REFRESH': 'quiet'}
        command = [sys.executable, '-m', 'mlflow', 'server', f'--backend-store-uri=sqlite:///{self.folder}/mlflow.db',
                   f'--artifacts-destination={self.folder / "artifacts"}', '--host=127.0.0.1', f'--port={self.port}',
                   '--workers=1']
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            cwd=self.folder, start_new_session=True)
        wait_until(f'mlflow server to answer, log {self.log}', self._healthy, MLFLOW_READY_SECONDS)
        return self

    def _healthy(self) -> bool:
        assert self.process.poll() is None, f'mlflow server ended with {self.process.returncode}:\n{self.log_tail()}'
        try:
            return requests.get(f'{self.url}/health', timeout=10 * PATIENCE).ok
        except requests.ConnectionError:
            return False

    def log_tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors='replace') if self.log.exists() else ''
        return '\n'.join(text.splitlines()[-lines:])

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        processes.end_mentioning(str(self.folder))


class Tracking:
    """A tracking server as a test sees it: the address, MLflow's client of it, and calls without the client."""

    def __init__(self, url: str, peer: str, unique: Callable[[str], str]) -> None:
        import mlflow
        self.url, self.peer, self.unique = url, peer, unique
        self.client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def experiment(self, **more: Any) -> str:
        """The id of a new experiment, for the tests share a server."""
        return self.client.create_experiment(self.unique('experiment'), **more)

    def run(self, experiment_id: Optional[str] = None, **more: Any) -> str:
        """The id of a new run that nobody ends."""
        return self.client.create_run(experiment_id or self.experiment(), **more).info.run_id

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A call of the tracking API, or from the root of the server if the path says so."""
        arguments.setdefault('timeout', 60 * PATIENCE)
        full = path if path.startswith(('/api/', '/ajax-api/', '/version', '/health')) else TRACKING + path
        return self._session.request(method, self.url + full, **arguments)

    def ok(self, method: str, path: str, **arguments: Any) -> Any:
        """The JSON of an answer that has to be 200."""
        answer = self.request(method, path, **arguments)
        assert answer.status_code == 200, f'{method} {path}: {answer.status_code} {answer.text}'
        return answer.json()

    def refused(self, status: int, code: str, method: str, path: str, **arguments: Any) -> Dict[str, Any]:
        """The body of an answer that has to be this error."""
        answer = self.request(method, path, **arguments)
        assert answer.status_code == status, f'{method} {path}: {answer.status_code} {answer.text}'
        body = answer.json()
        assert body['error_code'] == code and body['message'], body
        return body

    def found(self, experiment_ids: Any, filter_string: str = '', **more: Any) -> List[str]:
        """Names of the runs that a search finds, in its order."""
        ids = [experiment_ids] if isinstance(experiment_ids, str) else experiment_ids
        return [run.info.run_name for run in self.client.search_runs(ids, filter_string, **more)]


def refusal(code: str, match: Optional[str] = None) -> Any:
    """A `with` block whose call has to end in MLflow's exception of that code."""
    from mlflow.exceptions import MlflowException

    class Refusal:
        def __enter__(self) -> Any:
            self._raises = pytest.raises(MlflowException, match=match)
            return self._raises.__enter__()

        def __exit__(self, *error: Any) -> Any:
            handled = self._raises.__exit__(*error)
            seen = self._raises.excinfo.value
            assert seen.error_code == code, f'{seen.error_code}: {seen}'
            return handled
    return Refusal()


# --- Fixtures, which conftest.py names ---

@pytest.fixture(scope='session')
def mlflow_peer(request: pytest.FixtureRequest) -> str:
    return request.config.getoption('--mlflow-peer')


@pytest.fixture(scope='session')
def tracking_url(request: pytest.FixtureRequest, mlflow_peer: str,
                 tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracking server that the tests share."""
    if mlflow_peer == 'penstock':
        yield request.getfixturevalue('server').url
        return
    real = MlflowServer(tmp_path_factory.mktemp('mlflow-server'))
    try:
        yield real.start().url
    finally:
        real.close()


@pytest.fixture
def tracking(tracking_url: str, mlflow_peer: str, unique: Callable[[str], str],
             tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracking]:
    """The shared server, which mlflow's module also logs to; runs that the test left active are ended."""
    import mlflow
    from mlflow.tracking import fluent
    monkeypatch.chdir(tmp_path)  # what the client would write beside the test
    mlflow.set_tracking_uri(tracking_url)
    mlflow.set_registry_uri(tracking_url)
    one = Tracking(tracking_url, mlflow_peer, unique)
    yield one
    while mlflow.active_run():
        mlflow.end_run()
    fluent._active_experiment_id = None  # what set_experiment remembers beyond the test
    for name in ('MLFLOW_EXPERIMENT_ID', 'MLFLOW_EXPERIMENT_NAME', 'MLFLOW_TRACKING_URI', 'MLFLOW_REGISTRY_URI'):
        os.environ.pop(name, None)
    one.close()


@pytest.fixture
def registry(tracking: Tracking) -> Tracking:
    """The same for tests of the model registry, which a server may leave out."""
    answer = tracking.request('GET', '/registered-models/search')
    if answer.status_code == NOT_IMPLEMENTED:
        pytest.skip('the server has no model registry')
    return tracking
