"""Fails on a shell script that does not parse, is not strict or cannot be started."""

import os
import pathlib
import subprocess
from typing import List

import project


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root):
        text = project.text_of(path)
        first = text.split('\n', 1)[0]
        if not (first.startswith('#!') and first.endswith(('bash', 'sh'))):
            continue
        source = project.relative(path, root)
        if not first.endswith('bash'):
            found.append(f'{source}: scripts are for bash: begin with #!/usr/bin/env bash')
        if '\nset -euo pipefail\n' not in text:
            found.append(f'{source}: lacks "set -euo pipefail"')
        if not os.access(path, os.X_OK):
            found.append(f'{source}: is not executable: chmod +x')
        parsed = subprocess.run(['bash', '-n', str(path)], capture_output=True, text=True, check=False)
        found += [line.replace(f'{root}/', '') for line in parsed.stderr.splitlines()]
    return found


if __name__ == '__main__':
    project.run('check_scripts', problems)
