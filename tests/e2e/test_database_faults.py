"""Bad luck with PostgreSQL: nothing acknowledged is lost, no task runs twice, no call hangs, and all goes on."""

import collections
import os
import random
import signal
import socket
import subprocess
import threading
import time
import uuid
from typing import Callable, Dict, Iterator, List, Tuple

import pytest

import specs
from database_proxy import Cut, Proxy
from databases import PrivatePostgres
from penstock import Server
from private_postgres import free_port
from specs import Shell
from test_crash import SEED, check_finished, start_held
from test_start import refuses
from waiting import PATIENCE, wait_until

pytestmark = pytest.mark.postgres('it is about that server')

TCP = 'sslmode=disable&gssencmode=disable'


@pytest.fixture(scope='module')
def module_postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres().start()
    yield server
    server.close()


@pytest.fixture
def postgres(module_postgres: PrivatePostgres) -> Iterator[PrivatePostgres]:
    """A server to be hurt; the next test finds it well again."""
    yield module_postgres
    if module_postgres.process is None:
        module_postgres.start()


@pytest.fixture
def database(postgres: PrivatePostgres) -> str:
    name = f'faults_{uuid.uuid4().hex[:12]}'
    postgres.sql(f'CREATE DATABASE {name} TEMPLATE template0')
    return name


@pytest.fixture
def hurt(make_server: Callable[..., Server], postgres: PrivatePostgres, database: str) -> Callable[..., Server]:
    """Makes a server on `database` that waits for no database at its start."""
    def make(*flags: str, url: str = '', name: str = 'server') -> Server:
        return make_server(f'--database_url={url or postgres.url(database)}', '--database_wait_s=1', *flags, name=name)
    return make


def create(server: Server, name: str, **more: str) -> Tuple[int, str]:
    """HTTP status and message of one CreateRun."""
    answer = server.request('POST', '/runs', timeout=100,
                            json={'display_name': name, 'pipeline_spec': specs.noop(), **more})
    return answer.status_code, answer.json().get('message', '')


def stored(server: Server) -> 'collections.Counter[str]':
    """How often each name of a run is stored."""
    names: List[str] = []
    token = ''
    while True:
        page = server.ok('GET', '/runs', params={'page_size': 200, 'page_token': token})
        names += [run['display_name'] for run in page.get('runs', [])]
        token = page.get('next_page_token', '')
        if not token:
            return collections.Counter(names)


def terminate_connections(postgres: PrivatePostgres, database: str, also: str = 'true') -> None:
    postgres.sql('SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity'
                 f" WHERE datname = '{database}' AND pid <> pg_backend_pid() AND {also}")


class Writers:
    """Threads that create runs until they are stopped; what was answered, by the name of the run."""

    def __init__(self, server: Server, threads: int = 4, give_ids: bool = False) -> None:
        self.server, self.give_ids = server, give_ids
        self.lock = threading.Lock()
        self.answers: Dict[str, int] = {}
        self.ids: Dict[str, str] = {}
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def _write(self, thread: int) -> None:
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f'{thread}-{number}'
            run_id = str(uuid.uuid4()) if self.give_ids else ''
            status, _ = create(self.server, name, **({'run_id': run_id} if run_id else {}))
            with self.lock:
                self.answers[name], self.ids[name] = status, run_id

    def acknowledged(self) -> List[str]:
        with self.lock:
            return [name for name, status in self.answers.items() if status == 200]

    def failed(self) -> List[str]:
        with self.lock:
            return [name for name, status in self.answers.items() if status != 200]

    def wait_for_more(self, count: int) -> None:
        enough = len(self.acknowledged()) + count
        wait_until('acknowledged runs', lambda: len(self.acknowledged()) >= enough, 60)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), 'a call hangs'

    def check(self) -> None:
        """Each acknowledged run is stored exactly once, each other at most once, and nothing else is."""
        found = stored(self.server)
        assert {name: found[name] for name in self.acknowledged() if found[name] != 1} == {}
        assert {name: found[name] for name in self.failed() if found[name] > 1} == {}
        assert set(found) <= set(self.answers)
        assert set(self.answers.values()) <= {200, 503}


# --- Stopped, killed, moved ---


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGQUIT], ids=['stopped', 'killed'])
def test_a_run_outlives_its_database(hurt, postgres, journal, how):
    server = hurt().start()
    run_id = start_held(server, journal)
    postgres.stop(how)
    assert create(server, 'refused')[0] == 503
    assert server.request('GET', f'/runs/{run_id}').status_code == 503
    journal.open('go')
    wait_until('the tasks to end by themselves', lambda: journal.lines().count('end held') == 1
               and journal.lines().count('end beside') == 1)
    assert not journal.started('last') and server.running()
    postgres.start()
    wait_until('the database to be used again', lambda: server.request('GET', f'/runs/{run_id}').status_code == 200)
    check_finished(server, journal, run_id)
    assert 'refused' not in stored(server)


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGQUIT], ids=['stopped', 'killed'])
def test_acknowledged_runs_survive_the_database(hurt, postgres, how):
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    server = hurt('--role=server').start()
    writers = Writers(server)
    for _ in range(3):
        writers.wait_for_more(chance.randrange(5, 40))
        postgres.stop(how)
        postgres.start()
    writers.wait_for_more(5)
    writers.stop()
    writers.check()


def test_server_and_database_die_together(hurt, postgres, journal):
    server = hurt().start()
    run_id = start_held(server, journal)
    postgres.stop(signal.SIGQUIT)
    server.kill()
    postgres.start()
    server.start()
    journal.open('go')
    check_finished(server, journal, run_id)


def test_stopping_while_the_database_is_away(hurt, postgres, journal):
    server = hurt().start()
    run_id = start_held(server, journal)
    postgres.stop()
    server.stop()
    postgres.start()
    server.start()
    journal.open('go')
    check_finished(server, journal, run_id)


def test_the_database_moves_to_another_host(hurt, postgres, database, journal):
    """The URL names two; one of them is there at a time."""
    home, other = postgres.port, free_port()
    server = hurt(url=f'postgresql://penstock@127.0.0.1:{home},127.0.0.1:{other}/{database}?{TCP}').start()
    run_id = start_held(server, journal)
    postgres.stop()
    try:
        postgres.port = other
        postgres.start(f'port={other}')
        journal.open('go')
        check_finished(server, journal, run_id)
        assert wait_until('a write to the other host', lambda: create(server, 'there')[0] == 200)
    finally:
        postgres.stop()
        postgres.port = home


# --- Held, full, read-only ---


class Holder:
    """A psql session that holds a lock in an open transaction."""

    def __init__(self, postgres: PrivatePostgres, database: str, lock: str) -> None:
        self.process = subprocess.Popen([str(postgres.bin / 'psql'), '-X', '-q', '-A', '-t', postgres.url(database)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(f"BEGIN; {lock}; SELECT 'held';\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != 'held':
            assert self.process.poll() is None, 'psql ended'

    def release(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def test_calls_do_not_hang_on_a_table_that_somebody_holds(hurt, postgres, database):
    """Each waits for as long as lock_timeout says, not for those before it as well."""
    server = hurt('--role=server').start()
    assert create(server, 'before')[0] == 200
    holder = Holder(postgres, database, 'LOCK TABLE runs IN ACCESS EXCLUSIVE MODE')
    answers: List[int] = []
    threads = [threading.Thread(target=lambda: answers.append(create(server, 'held')[0])) for _ in range(6)]
    threads += [threading.Thread(target=lambda: answers.append(server.request('GET', '/runs', timeout=100).status_code))
                for _ in range(3)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [503] * len(threads)
    assert time.monotonic() - started < 40
    holder.release()
    assert create(server, 'after')[0] == 200
    assert stored(server) == {'before': 1, 'after': 1}


def test_a_database_with_few_connections(hurt, postgres, database):
    """One writes, one hears hints, one reads: slow at worst."""
    postgres.sql(f'CREATE ROLE few LOGIN CONNECTION LIMIT 3; ALTER DATABASE {database} OWNER TO few')
    try:
        server = hurt('--role=server', url=postgres.url(database).replace('penstock@', 'few@')).start()
        assert create(server, 'one')[0] == 200
        answers: List[int] = []

        def call() -> None:
            for _ in range(5):
                answers.append(server.request('GET', '/runs').status_code)
                answers.append(create(server, 'more')[0])
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert answers == [200] * 80
        assert stored(server) == {'one': 1, 'more': 40}
        server.stop()
        postgres.sql('ALTER ROLE few CONNECTION LIMIT 0')
        refuses(server, 'connection left', 'max_connections')
    finally:
        postgres.sql(f'DROP DATABASE {database} WITH (FORCE)')
        postgres.sql('DROP ROLE few')


def test_a_database_made_read_only(hurt, postgres, database):
    """As administrators and providers of databases do when a disk runs full."""
    server = hurt('--role=server').start()
    assert create(server, 'before')[0] == 200
    postgres.sql('ALTER SYSTEM SET default_transaction_read_only = on')
    postgres.sql('SELECT pg_reload_conf()')
    try:
        status, message = wait_until('a refused write', lambda: next(
            (answer for answer in [create(server, 'during')] if answer[0] != 200), None))
        assert status == 503 and 'read-only' in message
        server.ok('GET', '/runs')
    finally:
        postgres.sql('ALTER SYSTEM RESET default_transaction_read_only')
        postgres.sql('SELECT pg_reload_conf()')
    wait_until('writes again', lambda: create(server, 'after')[0] == 200)


def test_a_standby_that_is_promoted(hurt, postgres, database, journal):
    server = hurt().start()
    run_id = start_held(server, journal)
    postgres.stop()
    (postgres.data / 'standby.signal').touch()
    postgres.start('hot_standby=on')
    wait_until('reads from the standby', lambda: server.request('GET', f'/runs/{run_id}').status_code == 200)
    status, message = create(server, 'refused')
    assert status == 503 and 'read-only' in message and 'target_session_attrs' in message
    refuses(hurt(name='second'), 'read-only', 'primary')
    journal.open('go')
    assert postgres.sql('SELECT pg_promote()') == 't'
    check_finished(server, journal, run_id)
    assert 'refused' not in stored(server)


# --- Cut in the middle of a COMMIT ---


@pytest.fixture
def proxy(postgres: PrivatePostgres) -> Iterator[Proxy]:
    proxy = Proxy(postgres.port)
    yield proxy
    proxy.close()


@pytest.fixture
def cut_server(hurt, database: str, proxy: Proxy) -> Server:
    """Behind the proxy; only the API, so that the commits are those of the calls."""
    return hurt('--role=server', url=f'postgresql://penstock@127.0.0.1:{proxy.port}/{database}?{TCP}').start()


@pytest.mark.parametrize('cut', [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name.lower())
def test_a_commit_that_is_cut(cut_server, proxy, cut):
    """The call is answered with success, and the run is stored once."""
    for number in range(5):
        proxy.cut_at_commit(cut, times=1 + number % 2)
        assert create(cut_server, f'run {number}') == (200, '')
        assert proxy.cuts_done, 'no COMMIT was seen'
    assert stored(cut_server) == {f'run {number}': 1 for number in range(5)}


def test_commits_that_are_always_cut(cut_server, proxy):
    """It is not tried for ever; nothing is stored, and the call fails."""
    proxy.cut_at_commit(Cut.BEFORE, times=1000)
    assert create(cut_server, 'never')[0] == 503
    proxy.cut_at_commit(Cut.BEFORE, times=0)
    assert create(cut_server, 'then')[0] == 200
    assert stored(cut_server) == {'then': 1}


def test_a_cut_that_the_database_does_not_notice(cut_server, proxy, postgres, database):
    """The old transaction still holds the lock: its fate is open until it ends."""
    proxy.cut_at_commit(Cut.UNNOTICED)
    answers: List[Tuple[int, str]] = []
    caller = threading.Thread(target=lambda: answers.append(create(cut_server, 'held up')))
    caller.start()
    waiting = "wait_event_type = 'Lock' AND wait_event = 'advisory'"
    wait_until('the next transaction to wait for the old one', lambda: int(postgres.sql(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND {waiting}")))
    assert not answers
    terminate_connections(postgres, database, "state = 'idle in transaction'")
    caller.join(30)
    assert answers == [(200, '')]
    assert stored(cut_server) == {'held up': 1}


@pytest.mark.parametrize('cut', [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name.lower())
def test_a_cut_commit_and_no_database_afterwards(cut_server, proxy, cut):
    """Nobody can know: the answer says that, in bounded time, and what is stored is what the commit did."""
    proxy.cut_at_commit(cut, then_away=True)
    started = time.monotonic()
    run_id = str(uuid.uuid4())
    status, message = create(cut_server, 'unknown', run_id=run_id)
    assert status == 503 and 'may or may not be stored' in message
    assert time.monotonic() - started < 30
    proxy.up()
    wait_until('the database to be used again',
               lambda: cut_server.request('GET', '/runs').status_code == 200)
    assert stored(cut_server) == ({'unknown': 1} if cut is Cut.AFTER else {})
    # Trying again with the same id is safe.
    assert wait_until('an answer', lambda: next(
        (code for code in [create(cut_server, 'unknown', run_id=run_id)[0]] if code != 503), None)
    ) == (409 if cut is Cut.AFTER else 200)
    assert stored(cut_server) == {'unknown': 1}


# --- Connections that end again and again ---


@pytest.mark.parametrize('give_ids', [False, True], ids=['ids of the server', 'ids of the client'])
def test_connections_that_are_ended_again_and_again(hurt, postgres, database, give_ids):
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    server = hurt('--role=server').start()
    writers = Writers(server, give_ids=give_ids)
    for _ in range(20):
        writers.wait_for_more(chance.randrange(0, 8))
        terminate_connections(postgres, database)
    writers.wait_for_more(5)
    writers.stop()
    writers.check()
    for name in writers.failed() if give_ids else []:
        assert create(server, name, run_id=writers.ids[name])[0] in (200, 409)
    if give_ids:
        assert stored(server) == {name: 1 for name in writers.answers}
    for _ in range(12):
        server.ok('GET', '/runs')


def test_no_task_runs_twice_while_connections_are_ended(hurt, postgres, database, journal):
    print(f'seed {SEED}')
    chance = random.Random(SEED)
    tasks = {}
    for number in range(20):
        before = [f't{other}' for other in range(number) if chance.random() < 0.1]
        tasks[f't{number}'] = Shell(journal.writes(f't{number}'), after=before)
    server = hurt().start()
    run_id = server.create_run(specs.shell_pipeline(tasks))
    while len(journal.lines()) < 2 * len(tasks):
        done = min(2 * len(tasks), len(journal.lines()) + chance.randrange(1, 6))
        wait_until('some progress', lambda done=done: len(journal.lines()) >= done)
        terminate_connections(postgres, database)
    # A read whose connection was ended while it was set up answers 503, and may be made again.
    ended = ('SUCCEEDED', 'FAILED')

    def has_ended() -> bool:
        answer = server.request('GET', f'/runs/{run_id}')
        return answer.status_code == 200 and answer.json()['state'] in ended

    wait_until('the run to end', has_ended)
    server.succeed(run_id)
    journal.each_once(list(tasks))


# --- Starts that cannot be ---


SECRET = 'open-sesame'


@pytest.fixture
def secretive(postgres: PrivatePostgres, database: str) -> Iterator[str]:
    """A user who needs a password."""
    rules = postgres.data / 'pg_hba.conf'
    before = rules.read_text()
    rules.write_text(f'host all secretive 127.0.0.1/32 scram-sha-256\n{before}')
    postgres.sql(f"CREATE ROLE secretive LOGIN SUPERUSER PASSWORD '{SECRET}'")
    postgres.sql('SELECT pg_reload_conf()')
    yield 'secretive'
    rules.write_text(before)
    postgres.sql('SELECT pg_reload_conf()')
    postgres.sql(f'DROP DATABASE {database} WITH (FORCE)')
    postgres.sql('DROP ROLE secretive')


def refuses_soon(server: Server, *words: str) -> str:
    started = time.monotonic()
    said = refuses(server, *words)
    assert time.monotonic() - started < 10 * PATIENCE
    assert sum('penstock: ' in line for line in said.splitlines()) == 1, said
    return said


def test_passwords(hurt, postgres, database, secretive):
    """None of them is ever shown."""
    place = f'127.0.0.1:{postgres.port}/{database}'
    cases = {
        'wrong': (f'{secretive}:wr0ng-secret@{place}', ('password', 'correct', 'PGPASSWORD')),
        'none': (f'{secretive}@{place}', ('password', 'needed', 'PGPASSWORD')),
        'slash': (f'{secretive}:wr0ng/wr0ng-secret@{place}', ('%XX',)),
        'question': (f'{secretive}:wr0ng?wr0ng-secret@{place}', ('password', 'correct')),
        'at': (f'{secretive}:wr0ng@wr0ng-secret@{place}', ('%XX',)),
        'percent': (f'{secretive}:wr0ng%wr0ng-secret"%wr0ng@{place}', ('%XX',)),
        'parameter': (f'{place}?user={secretive}&password=wr0ng-secret', ('password', 'correct')),
    }
    for name, (rest, words) in cases.items():
        server = hurt('--log_level=debug', url=f'postgresql://{rest}', name=name)
        assert 'wr0ng' not in refuses_soon(server, *words), name
    server = hurt('--log_level=debug', url=f'postgresql://{secretive}:{SECRET}@{place}').start()
    assert create(server, 'let in')[0] == 200
    postgres.sql("ALTER ROLE secretive PASSWORD 'another'")
    terminate_connections(postgres, database)
    status, message = wait_until('a refused write', lambda: next(
        (answer for answer in [create(server, 'kept out')] if answer[0] != 200), None))
    assert status == 503 and 'password' in message and SECRET not in message
    server.stop()
    assert SECRET not in server.log.read_text()


def test_databases_that_are_not_there(hurt, postgres, database):
    refuses_soon(hurt(url=postgres.url('no_such_database'), name='database'), 'no_such_database', 'createdb')
    user = postgres.url(database).replace('penstock@', 'no_such_user@')
    refuses_soon(hurt(url=user, name='user'), 'no_such_user', 'createuser')
    port = free_port()
    refuses_soon(hurt(url=f'postgresql://penstock@127.0.0.1:{port}/{database}', name='port'), str(port),
                 'cannot be reached', 'Start the server')
    refuses_soon(hurt(url=f'postgresql://penstock@no-such-host.invalid/{database}', name='host'),
                 'no-such-host.invalid', 'host')


@pytest.mark.parametrize('encoding', ['SQL_ASCII', 'LATIN1'])
def test_a_database_of_another_encoding(hurt, postgres, encoding):
    name = f'faults_{encoding.lower()}'
    postgres.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    refuses_soon(hurt(url=postgres.url(name)), encoding, 'createdb -E UTF8')


def test_a_user_without_rights(hurt, postgres, database):
    postgres.sql('CREATE ROLE guest LOGIN')
    try:
        refuses_soon(hurt(url=postgres.url(database).replace('penstock@', 'guest@')), 'GRANT')
    finally:
        postgres.sql('DROP ROLE guest')


def test_a_server_that_is_too_old(hurt):
    """A stand-in that says so: real ones are not installed beside the new."""
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, 'big') + body
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(message(b'R', bytes(4)) + message(b'S', b'server_version\x0014.9\0')
                               + message(b'S', b'client_encoding\0UTF8\0') + message(b'Z', b'I'))
                while client.recv(4096):
                    pass
        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        refuses_soon(hurt(url=f'postgresql://penstock@127.0.0.1:{port}/any?{TCP}'), '14.9', 'PostgreSQL 15')


def test_a_database_that_comes_late(make_server, postgres, database):
    """A start waits for it for as long as --database_wait_s says."""
    server = make_server(f'--database_url={postgres.url(database)}', '--database_wait_s=60')
    postgres.stop()
    server.launch()
    wait_until('the server to say that it waits', lambda: 'waiting for the database' in server.log_tail())
    assert server.running()
    postgres.start()
    wait_until('the server to be ready', server._ready)
    assert os.path.exists(server.folder / 'ready.json')
