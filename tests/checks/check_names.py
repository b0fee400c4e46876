"""Fails on names that break the pattern by which code is found: files, headers, time columns."""

import pathlib
import re
from typing import List

import project

FILE_NAME = re.compile(r'^[a-z0-9_]+(?:\.[a-z0-9_]+)*$')
MIGRATION = re.compile(r'^\d{4}_[a-z0-9_]+\.(?:up|down)\.sql$')
# A column for a moment says its unit: microseconds UTC, as integers.
MOMENT = re.compile(r'^\s*(\w+_(?:at|time)(?:_ms|_s)?)\s+(?:INTEGER|BIGINT|TEXT|TIMESTAMP)',
                    re.MULTILINE | re.IGNORECASE)


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root):
        source = project.relative(path, root)
        if path.suffix in ('.cc', '.h', '.go', '.py', '.sh', '.sql', '.proto') and not FILE_NAME.match(path.name):
            found.append(f'{source}: files are named in lower_snake_case')
        if path.suffix in ('.cpp', '.cxx', '.hpp', '.hh'):
            found.append(f'{source}: C++ files end in .cc and .h')
        if path.suffix == '.h' and '#pragma once' not in project.text_of(path):
            found.append(f'{source}: a header begins with #pragma once')
        if path.suffix == '.sql' and source.startswith('migrations/'):
            found += _migration_problems(path, source)
    return found


def _migration_problems(path: pathlib.Path, source: str) -> List[str]:
    found = []
    text = project.text_of(path)
    if path.name != 'schema.sql' and not MIGRATION.match(path.name):
        found.append(f'{source}: a migration is named NNNN_what.up.sql or NNNN_what.down.sql')
    if path.name.endswith('.up.sql') and not (path.parent / path.name.replace('.up.', '.down.')).exists():
        found.append(f'{source}: has no .down.sql beside it')
    for match in MOMENT.finditer(text):
        found.append(f'{source}:{project.line_of(text, match.start(1))}: column {match.group(1)} is a moment: '
                     'name it ..._at_us and keep integer microseconds')
    return found


if __name__ == '__main__':
    project.run('check_names', problems)
