"""Fails on C++ that clang-format and Go that gofmt would change."""

import collections
import pathlib
import re
import shutil
import subprocess
from typing import Dict, List

import project


def _output(root: pathlib.Path, command: List[str], paths: List[pathlib.Path]) -> str:
    """What the formatter says about the files, with paths from the root."""
    if not paths:
        return ''
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f'{command[0]} is missing: run deploy/install_deps.sh')
    result = subprocess.run(command + [project.relative(path, root) for path in paths], cwd=root, capture_output=True,
                            text=True, check=False)
    output = result.stdout + result.stderr
    if result.returncode and not output.strip():
        raise RuntimeError(f'{" ".join(command)} failed with exit code {result.returncode} and says nothing')
    return output


def problems(root: pathlib.Path) -> List[str]:
    sources, go_files = ([path for path in project.files(root, *suffixes)
                          if not project.is_generated(project.text_of(path))]
                         for suffixes in (('.h', '.cc'), ('.go',)))
    places: Dict[str, List[int]] = collections.defaultdict(list)
    for line in _output(root, ['clang-format', '--dry-run', '-Werror', '--style=file'], sources).splitlines():
        complaint = re.match(r'(?P<path>[^:]+):(?P<line>\d+):\d+: error: ', line)
        if complaint:
            places[complaint['path']].append(int(complaint['line']))
    found = [f'{path}:{lines[0]}: clang-format would change {len(lines)} places: run clang-format -i {path}'
             for path, lines in places.items()]
    listed = _output(root, ['gofmt', '-l'], go_files)
    return found + [f'{path}: gofmt would change this file: run gofmt -w {path}' for path in listed.splitlines()]


if __name__ == '__main__':
    project.run('check_format', problems)
