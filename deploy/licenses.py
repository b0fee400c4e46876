"""Copies the licenses of what is inside the programs, or is shipped with them: those of Debian's libraries and of Go's
modules.

    licenses.py --go GO --output DIR [--without_libraries] PROGRAM..."""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Dict, Iterable, List, Set

NAMES = re.compile(r'(?:LICEN[SC]E|COPYING|NOTICE)(?:[.-].*)?', re.IGNORECASE)
# Linked into the programs that are static, which ldd does not show.
ALWAYS = ('libc6', 'libgcc-s1', 'libstdc++6')
# The npm packages of the dashboard have their notices in its files; these are the C++ libraries that are headers only.
HEADERS = ('nlohmann-json3-dev', 'libspdlog-dev')
COPYRIGHTS = pathlib.Path('/usr/share/doc')


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def owners(patterns: Iterable[str]) -> Dict[str, str]:
    """Package of each file that dpkg knows by one of the patterns, by the file's name."""
    answer = subprocess.run(['dpkg-query', '--search', *patterns], capture_output=True, text=True, check=False).stdout
    found = re.findall(r'^([^:\s]+)(?::\S+)?: (\S+)$', answer, re.MULTILINE)
    return {path.rsplit('/', 1)[1]: package for package, path in found}


def debian_packages(programs: List[str]) -> Set[str]:
    """Those whose shared libraries the programs load."""
    found = set(ALWAYS + HEADERS)
    shown = subprocess.run(['ldd', *programs], capture_output=True, text=True, check=False).stdout
    paths = {path.rsplit('/', 1)[1]: path for path in re.findall(r'=> (/\S+)', shown)}
    if not paths:
        return found
    # dpkg knows a library by the folder it was installed to, which may be a link by now. One that was linked anew has
    # the license of what it was linked from.
    known = owners([*paths.values(), *(f'/usr{path}' for path in paths.values())])
    others = sorted(set(paths) - set(known))
    if others:
        known.update(owners(f'*/{name}' for name in others))
    unknown = sorted(set(paths) - set(known))
    if unknown:
        sys.exit(f'licenses.py: no Debian package has {", ".join(unknown)}, so the license is not known')
    return found | {known[name] for name in paths}


def go_modules(go: str, programs: List[str]) -> Dict[str, pathlib.Path]:
    """Name to folder, of all modules inside the programs."""
    wanted = set()
    for program in programs:
        shown = subprocess.run([go, 'version', '-m', program], capture_output=True, text=True, check=False).stdout
        wanted |= set(re.findall(r'^\tdep\t(\S+)\t(\S+)', shown, re.MULTILINE))
    if not wanted:
        return {}
    answers = output(go, 'mod', 'download', '-json', *sorted(f'{path}@{version}' for path, version in wanted))
    folders = {'go': pathlib.Path(output(go, 'env', 'GOROOT').strip())}
    for answer in re.findall(r'^\{.*?^\}', answers, re.MULTILINE | re.DOTALL):
        module = json.loads(answer)
        folders[module['Path']] = pathlib.Path(module['Dir'])
    return folders


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--go', required=True)
    parser.add_argument('--output', required=True, type=pathlib.Path)
    parser.add_argument('--without_libraries', action='store_true')
    parser.add_argument('programs', nargs='+')
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    packages = set(ALWAYS + HEADERS) if arguments.without_libraries else debian_packages(arguments.programs)
    for package in packages:
        shutil.copy(COPYRIGHTS / package / 'copyright', arguments.output / f'debian-{package}')
    for name, folder in go_modules(arguments.go, arguments.programs).items():
        texts = [path for path in sorted(folder.iterdir()) if path.is_file() and NAMES.fullmatch(path.name)]
        if not texts:
            sys.exit(f'licenses.py: the Go module {name} has no license in {folder}')
        joined = '\n\n'.join(path.read_text(errors='replace') for path in texts)
        (arguments.output / f'go-{name.replace("/", "-")}').write_text(joined)


if __name__ == '__main__':
    main()
