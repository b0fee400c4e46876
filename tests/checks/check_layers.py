"""Fails on an #include that points the wrong way: each folder uses only those below it."""

import pathlib
import re
from typing import List, Optional, Tuple

import project

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?P<open>[<"])(?P<path>[^>"]+)[>"]', re.MULTILINE)
API = 'the API protos'
STORES = 'the protos of object stores'
PODS = 'the protos of pods'
IR = 'the pipeline format protos'

# The first entry whose prefix fits a file tells what it may include of ours. A test beside the code may besides use
# the test support.
# Of executors; what is behind it knows nobody above.
SEAM = ('executor/attempt_place.h', 'executor/executor.h', 'executor/task_world.h')
RULES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ('tests/', ('tests/', 'common/', 'pipeline/', 'content/', 'migrations/', 'storage/', 'runs/', 'executor/',
                'scheduler/', 'server/', API, IR, PODS)),
    ('common/', ('common/',)),
    ('pipeline/expression/', ('pipeline/expression/', 'common/')),
    ('pipeline/schedule/', ('pipeline/schedule/', 'common/')),
    ('pipeline/', ('pipeline/', 'common/', IR)),
    ('content/remote/', ('content/', 'common/', STORES)),
    ('content/', ('content/', 'common/')),
    ('migrations/', ('migrations/',)),
    ('storage/', ('storage/', 'common/', 'migrations/')),
    ('runs/', ('runs/', 'storage/', 'common/')),
    ('executor/posix/', ('executor/posix/', 'common/')),
    ('executor/python/', ('executor/python/', 'executor/posix/', *SEAM, 'content/', 'common/')),
    ('executor/local/runner/', ('executor/local/runner/', 'executor/posix/', 'common/limits.h')),
    ('executor/parts/', ('executor/parts/', 'executor/python/', 'executor/posix/', *SEAM, 'content/', 'common/')),
    ('executor/local/', ('executor/local/', 'executor/parts/', 'executor/python/', 'executor/posix/', *SEAM, 'content/',
                         'common/')),
    ('executor/kubernetes/', ('executor/kubernetes/', 'executor/parts/', *SEAM, 'content/', 'common/', PODS)),
    ('executor/', (*SEAM, 'content/', 'common/')),
    ('scheduler/plan/', ('scheduler/plan/', 'pipeline/', 'content/uri.h', 'common/', IR)),
    ('scheduler/', ('scheduler/', 'runs/', 'storage/', 'pipeline/', *SEAM, 'content/', 'common/')),
    ('server/main.cc', ('server/', 'scheduler/', 'executor/', 'runs/', 'storage/', 'pipeline/', 'content/', 'common/',
                        API, IR)),
    ('server/', ('server/', 'runs/', 'storage/', 'pipeline/', 'content/', 'common/', API, IR)),
)
TEST_SUPPORT = ('tests/support/', 'tests/fakes/')

# What belongs to few rooms, so that a change of it stays there: libraries, and where the data directory is.
ROOMS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ('content/local/', ('content/local/', 'executor/local/', 'server/main.cc', 'tests/')),
    ('server/data_dir', ('server/data_dir', 'server/main.cc', 'tests/')),
    ('content/remote/', ('content/remote/', 'server/main.cc', 'server/commands/', 'tests/')),
    ('grpc', ('common/side_program', 'content/remote/', 'executor/kubernetes/', 'server/', 'tests/')),
    ('sqlite3', ('storage/sqlite/', 'tests/')),
    ('pqxx', ('storage/postgres/', 'tests/')),
)


def _kind(path: str) -> Optional[str]:
    """What of ours an include path names; None for anything else."""
    if path.startswith(('kubeflow/', 'penstock/v1/')):
        return API
    if path.startswith('penstock/content/'):
        return STORES
    if path.startswith('penstock/kubernetes/'):
        return PODS
    if path.startswith('ml_pipelines/'):
        return IR
    return path if path.split('/')[0] in project.FOLDERS else None


def _problem(source: str, path: str, is_relative: bool) -> Optional[str]:
    for prefix, places in ROOMS:
        if path.startswith(prefix) and not source.startswith(places):
            return f'{path} may be included only in {", ".join(places)}'
    if is_relative:
        return f'"{path}": write the whole path from the source root'
    kind = _kind(path)
    if kind is None:
        return None
    allowed = next((may for prefix, may in RULES if source.startswith(prefix)), None)
    if allowed is None:
        return f'no rule says what {source} may include; add its folder to RULES'
    if source.endswith('_test.cc'):
        allowed += TEST_SUPPORT
    if kind in (API, IR, PODS, STORES):
        return None if kind in allowed else f'"{path}": {source.split("/")[0]}/ may not use {kind}'
    if kind.startswith(tuple(may for may in allowed if may not in (API, IR, PODS, STORES))):
        return None
    return f'"{path}" points the wrong way: {source} may include only {", ".join(allowed)}'


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc'):
        source, text = project.relative(path, root), project.text_of(path)
        for include in INCLUDE.finditer(text):
            is_relative = (include['open'] == '"' and (path.parent / include['path']).exists()
                           and not (root / include['path']).exists())
            problem = _problem(source, include['path'], is_relative)
            if problem:
                found.append(f'{source}:{project.line_of(text, include.start())}: {problem}')
    return found


if __name__ == '__main__':
    project.run('check_layers', problems)
