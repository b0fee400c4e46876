"""Servers for tests. `server` is shared by all tests that only use the API; `own_server` is a test's own, to kill."""

import atexit
import importlib.util
import os
import pathlib
import shutil
import tempfile
from typing import Callable, Iterator, List

import pytest

# The SDK and the CLI look into the user's home and environment, the SDK already when it is imported; the tests must
# not.
HOME = tempfile.mkdtemp(prefix='penstock-e2e-home-')
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ['HOME'] = HOME
for variable in list(os.environ):
    if variable.startswith(('KF_PIPELINES_', 'KFP_')) or variable.lower().endswith('_proxy'):
        del os.environ[variable]

import databases  # noqa: E402
import object_stores  # noqa: E402
import mlflow_peer as mlflow_peers  # noqa: E402
from mlflow_peer import mlflow_peer, registry, tracking, tracking_url  # noqa: E402, F401
from penstock import SERVER, Server  # noqa: E402
if importlib.util.find_spec('playwright'):
    from dashboard import axe, chromium, dashboard  # noqa: E402, F401
from pods import pod_flags  # noqa: E402
from specs import Journal  # noqa: E402
from web_files import Files  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--database', choices=databases.KINDS, default=os.environ.get('PENSTOCK_TEST_DATABASE', 'sqlite'),
                     help='what the servers store in; also PENSTOCK_TEST_DATABASE')
    parser.addoption('--warm-python', choices=('on', 'off'), default='on',
                     help='whether Python components begin as forks, on servers whose test does not say so itself')
    parser.addoption('--pipeline-root', choices=('data_dir', 'file', 's3'), default='data_dir',
                     help='where the shared server keeps artifacts')
    parser.addoption('--executor', choices=('local', 'kubernetes'), default='local',
                     help='what the tasks of the shared server run on; kubernetes: the cluster PENSTOCK_TEST_CLUSTER, '
                          'with --pipeline-root=s3')
    parser.addoption('--mlflow-peer', choices=mlflow_peers.PEERS, default='penstock',
                     help='what the tests of MLflow\'s tracking talk to; mlflow shows that they say what MLflow does')


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    if not SERVER.exists() and config.getoption('--mlflow-peer') == 'penstock':
        raise pytest.UsageError(f'{SERVER} is not built: run tests/run.sh e2e, which builds it.')
    kind = config.getoption('--database')
    if kind not in databases.KINDS:
        raise pytest.UsageError(f'PENSTOCK_TEST_DATABASE is {kind!r}; it may be {" or ".join(databases.KINDS)}')
    for item in items:
        mark = item.get_closest_marker('on_host')
        if mark and config.getoption('--executor') != 'local':
            item.add_marker(pytest.mark.skip(reason=f'tasks are no processes here: {mark.args[0]}'))
        for needed in databases.KINDS:
            mark = item.get_closest_marker(needed)
            if mark and needed != kind:
                item.add_marker(pytest.mark.skip(reason=f'only with {needed}: {mark.args[0]}'))
        if kind == 'postgres' and databases.missing():
            item.add_marker(pytest.mark.skip(reason=databases.missing()))


@pytest.fixture(scope='session', autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database behind all servers of this session."""
    kind = request.config.getoption('--database')
    if kind == 'postgres':
        Server.databases = databases.Postgres()
    yield kind
    Server.databases.close()


@pytest.fixture(scope='session', autouse=True)
def warm_python(request: pytest.FixtureRequest) -> None:
    """The flag of all servers of this session."""
    Server.warm_python = request.config.getoption('--warm-python')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    # The end of the log of each server that the test used, where the failure is read.
    if report.when == 'call' and report.failed:
        for name, value in getattr(item, 'funcargs', {}).items():
            if isinstance(value, Server):
                report.sections.append((f'log of {name} ({value.log})', value.log_tail(60)))
    return report


@pytest.fixture
def postgres() -> Iterator[databases.PrivatePostgres]:
    """A PostgreSQL server of the test's own, whatever the session's database is."""
    if databases.missing():
        pytest.skip(databases.missing())
    own = databases.PrivatePostgres()
    try:
        yield own.start()
    finally:
        own.close()


@pytest.fixture(scope='session')
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_stores.S3]:
    """An S3 server that all tests share, each with buckets of its own."""
    object_stores.required(object_stores.S3.missing())
    shared = object_stores.S3(tmp_path_factory.mktemp('s3'))
    try:
        yield shared.start()
    finally:
        shared.close()


@pytest.fixture(scope='session')
def root_flags(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> List[str]:
    """Flags for where the shared server keeps artifacts."""
    kind = request.config.getoption('--pipeline-root')
    if kind == 'data_dir':
        return []
    if kind == 'file':
        return [f'--pipeline_root=file://{tmp_path_factory.mktemp("root")}']
    store = request.getfixturevalue('s3')
    store.bucket('artifacts')
    settings = store.settings('s3://artifacts/', tmp_path_factory.mktemp('settings') / 'stores.yaml')
    return ['--pipeline_root=s3://artifacts/a root', f'--stores={settings}']


@pytest.fixture(scope='session')
def executor_flags(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> List[str]:
    """Flags for what the tasks of the shared server run on."""
    if request.config.getoption('--executor') == 'local':
        return []
    return pod_flags(tmp_path_factory.mktemp('pods'), tmp_path_factory.getbasetemp(), request.getfixturevalue('s3'))


@pytest.fixture(scope='session')
def server(tmp_path_factory: pytest.TempPathFactory, root_flags: List[str],
           executor_flags: List[str]) -> Iterator[Server]:
    shared = Server(tmp_path_factory.mktemp('server'), '--max_parallel_tasks=4', *root_flags, *executor_flags)
    shared.root = next((flag.split('=', 1)[1] for flag in root_flags if flag.startswith('--pipeline_root=')), '')
    shared.file_root = tmp_path_factory.mktemp('root')  # which runs may name
    shared.flags.append(f'--file_roots={shared.file_root}')
    try:
        yield shared.start()
        shared.stop()
    finally:
        shared.close()


@pytest.fixture
def make_server(tmp_path: pathlib.Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that end with the test; `name` tells them apart."""
    made: List[Server] = []

    def make(*flags: str, name: str = 'server') -> Server:
        made.append(Server(tmp_path / name, *flags))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def own_server(make_server: Callable[..., Server]) -> Server:
    return make_server().start()


@pytest.fixture
def client(server: Server):
    return server.client()


@pytest.fixture
def files() -> Iterator[Files]:
    served = Files(**{'data.csv': 'a,b\n1,2\n'})
    yield served
    served.close()


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> Journal:
    return Journal(tmp_path / 'journal')


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names that no other test uses, since they share a server."""
    def make(prefix: str) -> str:
        make.count += 1
        return f'{prefix}-{abs(hash(request.node.nodeid)) % 10**10}-{make.count}'
    make.count = 0
    return make
