"""Python components as forks of a warm Python: what a task sees, does and leaves is what it would be on a fresh
interpreter. The same pipeline runs on a server with warm Pythons and on one without."""

import difflib
import pathlib
import re
import subprocess
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import pytest
from kfp import dsl

import specs
import warm_ends
import warm_parts
from penstock import SERVER, Server, environment
from waiting import wait_until

pytestmark = pytest.mark.sqlite('interpreters know nothing of the database')

SWITCHES = ('on', 'off')
NAMES = [function.__name__ for function in warm_parts.FUNCTIONS] + list(warm_ends.ENDS)
# What differs between any two attempts, and the frame more that a fork has at the outer end of its stack.
DIFFERS = (
    (r'[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}', 'ID'),
    (r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}', 'TIME'),
    (r'tmp\.[A-Za-z0-9]{10}', 'tmp.X'),
    (r'penstock-\d+/[0-9a-f]{12}', 'penstock/SHORT'),
    (r'0x[0-9a-f]{6,}', 'ADDRESS'),
    (r'http://127\.0\.0\.1:\d+', 'http://127.0.0.1:PORT'),
    (r'Previous line repeated \d+ more times', 'Previous line repeated'),
    (r'  File "<string>", line \d+,? in <module>\n', ''),
)


def envs(server: Server, what: str) -> str:
    result = subprocess.run([str(SERVER), 'envs', what, f'--data_dir={server.data_dir}'], capture_output=True,
                            text=True, env=environment(server.folder), stdin=subprocess.DEVNULL, timeout=60, check=True)
    return result.stdout


class Warm(NamedTuple):
    pid: int
    attempts: int
    state: str
    environment: str


def warm(server: Server) -> List[Warm]:
    """The warm Pythons, as the list for people has them."""
    _, found, table = envs(server, 'list').partition('\nWarm Pythons')
    rows = re.findall(r'^(\d+) +\S+(?: MiB)? +(\d+) +\S+ \S+ +(\w+) +\S+ +(.*)$', table, re.MULTILINE)
    assert bool(found) == bool(rows), table
    return [Warm(int(pid), int(attempts), state, words) for pid, attempts, state, words in rows]


def plain(folder: str):
    pass


def pipeline_of(functions: List[Callable[..., Any]], **variables: Tuple[str, str]) -> Dict[str, Any]:
    """One task of each function, side by side; some set a variable."""
    @dsl.pipeline(name='warm')
    def tasks(folder: str):
        for function in functions:
            task = dsl.component(function)(folder=folder).set_caching_options(False)
            task.set_display_name(function.__name__)
            if function.__name__ in variables:
                task.set_env_variable(*variables[function.__name__])
    return specs.compiled(tasks)


def warm_up(server: Server, folder: pathlib.Path) -> None:
    """Returns when the next task will be a fork."""
    server.succeed(server.create_run(pipeline_of([plain]), folder=str(folder)))
    wait_until('a warm Python to be ready', lambda: any(one.state == 'ready' for one in warm(server)))


class Seen(NamedTuple):
    state: str
    message: str
    log: str


class Both(NamedTuple):
    """What was seen of the tasks, and the files that they left in their folder, by switch."""
    tasks: Dict[str, Dict[str, Seen]]
    files: Dict[str, Dict[str, str]]
    drawn: List[List[str]]


def comparable(text: str, server: Server) -> str:
    text = text.replace(str(server.folder), 'SERVER')
    for pattern, word in DIFFERS:
        text = re.sub(pattern, word, text)
    return text


def ending(name: str) -> Callable[..., Any]:
    """The function of a text, whose source the SDK takes from its file."""
    source = warm_ends.ENDS[name]
    path = pathlib.Path(ending.folder) / f'{name}.py'
    path.write_text(source if 'this is no Python' not in source else f'def {name}(folder: str):\n    pass\n')
    made: Dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), 'exec'), made)  # noqa: S102
    made[name].__module__ = __name__
    return made[name]


def run_all(server: Server, folder: pathlib.Path, both: Both, switch: str) -> None:
    (folder / 'modules').mkdir(parents=True)
    (folder / 'modules' / 'heeded.py').write_text('word = "heeded"\n')
    (folder / 'temporary').mkdir()
    functions = warm_parts.FUNCTIONS + [ending(name) for name in warm_ends.ENDS]
    variables = {name: (variable, value.replace('FOLDER', str(folder)))
                 for name, (variable, value) in warm_parts.VARIABLES.items()}
    spec = pipeline_of(functions, **variables)
    broken = spec['deploymentSpec']['executors']['exec-ends-with-a-broken-source']['container']['command']
    assert 'pass' in broken[-1]
    broken[-1] = broken[-1].replace('    pass', '    this is no Python')
    run_id = server.create_run(spec, folder=str(folder))
    server.finish(run_id, timeout=120)
    both.tasks[switch] = {}
    for name, task in server.tasks(run_id).items():
        message, log = task.get('error', {}).get('message', ''), server.log_of(run_id, task['task_id'])
        both.tasks[switch][name] = Seen(task.get('state', ''), comparable(message, server), comparable(log, server))
    both.files[switch] = {
        str(path.relative_to(folder)): comparable(path.read_bytes().decode(errors='backslashreplace'), server)
        for path in folder.rglob('*') if path.is_file() and path.suffix != '.pyc' and 'tmp.' not in str(path)}


def draws(folder: str):
    import os
    import random
    import secrets
    import tempfile
    import uuid
    print('drawn', random.random(), random.SystemRandom().random(), uuid.uuid4(), uuid.uuid1().time,
          secrets.token_hex(8), os.urandom(8).hex(), tempfile.mktemp(), os.getpid())


def drawn(server: Server, folder: pathlib.Path) -> List[List[str]]:
    """What several attempts drew, by what they drew it from."""
    runs = [server.create_run(pipeline_of([draws]), folder=str(folder)) for _ in range(4)]
    for run_id in runs:
        server.succeed(run_id)
    logs = [server.log_of(run_id, server.tasks(run_id)['draws']['task_id']) for run_id in runs]
    return list(zip(*(re.search('^drawn (.*)$', log, re.MULTILINE).group(1).split() for log in logs)))


def both_ways(make_server: Callable[..., Server]) -> Both:
    seen = Both({}, {}, [])
    for switch in SWITCHES:
        # Names of one length: sizes are compared, too.
        server = make_server(f'--warm_python={switch}', '--max_parallel_tasks=4', name=f'{switch:_<3}').start()
        if switch == 'on':
            warm_up(server, server.folder)
        run_all(server, server.folder / 'tasks', seen, switch)
        if switch == 'on':
            heeded = len(warm_parts.VARIABLES) - 2  # those that Python does not read when it starts
            expected = len(NAMES) - heeded
            wait_until(f'{expected} forks', lambda: [one for one in warm(server) if one.attempts >= expected])
            seen.drawn.extend(drawn(server, server.folder))
        else:
            assert not warm(server)
        server.stop()
    return seen


def difference(on: str, off: str) -> str:
    return '\n'.join(difflib.unified_diff(off.splitlines(), on.splitlines(), 'off', 'on', lineterm='', n=1))


def test_forks_do_what_fresh_interpreters_do(make_server, tmp_path):
    """One test, so that the two runs are made once."""
    ending.folder = tmp_path / 'sources'
    ending.folder.mkdir()
    seen = both_ways(make_server)
    tasks = [(name, seen.tasks['on'][name], seen.tasks['off'][name]) for name in NAMES]
    different = [(name, on.state, off.state, difference(on.message, off.message), difference(on.log, off.log))
                 for name, on, off in tasks if on != off]
    assert not different, '\n\n'.join('\n'.join(lines) for lines in different)
    assert all(on.state in ('SUCCEEDED', 'FAILED') for _, on, _ in tasks)

    on, off = (seen.files[switch] for switch in SWITCHES)
    assert not {name: (on.get(name), off.get(name)) for name in {*on, *off} if on.get(name) != off.get(name)}
    assert on['context'] == 'context', 'what was not flushed is there'

    assert len(seen.drawn) == 8
    for numbers in seen.drawn:
        assert len(set(numbers)) == len(numbers), f'forks draw the same numbers: {numbers}'
