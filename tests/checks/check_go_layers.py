"""Fails on a package of a Go module that imports one which does not stand below it; Go refuses only cycles."""

import pathlib
import re
from typing import Dict, Iterator, List, Tuple

import project

MODULE = 'github.com/penstock/penstock/'
GENERATED = 'gen/'  # below all
MAIN = '.'

# From the bottom up. A package may import those of the rows before its own, so none of its own row. What only main may
# know stands in the last row but one: a part is given its settings, and never sees the whole of them.
GATEWAY: Tuple[Tuple[str, ...], ...] = (
    ('limits', 'logging', 'metadata', 'wirejson'),
    ('marshal', 'memory'),
    ('request',),
    ('apierror',),
    ('admission', 'guard', 'metrics'),
    ('dashboard', 'grpcweb', 'health', 'observe', 'openapi', 'passthrough', 'rpcmux', 'streams', 'upload', 'upstream'),
    ('legacy', 'mlflow'),
    ('config', 'httpserver', 'routes'),
    (MAIN,),
)
CLI: Tuple[Tuple[str, ...], ...] = (
    ('text',),
    ('api', 'spec', 'terminal'),
    ('compile', 'follow', 'home', 'runref'),
    ('commands',),
    (MAIN,),
)
LAUNCHER: Tuple[Tuple[str, ...], ...] = (
    ('internal/badproxy', 'internal/s3test', 'limits'),
    ('failure', 'uri'),
    ('settings',),
    ('stores',),
    ('content',),
    ('fetch', 'probe', 'transfer'),
    ('attempt', 'service'),
    (MAIN,),
)
KUBE: Tuple[Tuple[str, ...], ...] = (
    ('limits', 'logging', 'metrics'),
    ('launch', 'settings'),
    ('podspec', 'reports'),
    ('cluster',),
    ('logs', 'volumes'),
    ('attempts',),
    ('service',),
    (MAIN,),
)
FOLDERS = {'gateway': GATEWAY, 'cli': CLI, 'executor/launcher': LAUNCHER, 'executor/kube': KUBE}

IMPORT = re.compile(r'^import[ \t]+(?:\((?P<block>.*?)^\)|(?P<single>[^\n]*))', re.MULTILINE | re.DOTALL)
PATH = re.compile(r'^[ \t]*(?:[\w.]+[ \t]+)?"(?P<path>[^"\n]+)"', re.MULTILINE)


def _imports(text: str, module: str) -> Iterator[Tuple[int, str]]:
    """Line and package of each import of ours."""
    for declaration in IMPORT.finditer(text):
        group = 'block' if declaration['block'] is not None else 'single'
        for match in PATH.finditer(declaration[group]):
            if match['path'] == module or match['path'].startswith(f'{module}/'):
                line = project.line_of(text, declaration.start(group) + match.start('path'))
                yield line, match['path'][len(module) + 1:] or MAIN


def _folder_problems(root: pathlib.Path, folder: str, layers: Tuple[Tuple[str, ...], ...]) -> Iterator[str]:
    heights: Dict[str, int] = {package: height for height, row in enumerate(layers) for package in row}
    module = MODULE + folder.rpartition('/')[2]
    rows = f'{folder.rpartition("/")[2].upper()} in check_go_layers.py'
    for path in project.files(root, '.go'):
        source, text = project.relative(path, root), project.text_of(path)
        if not source.startswith(f'{folder}/') or source.startswith(f'{folder}/{GENERATED}'):
            continue
        package = project.relative(path.parent, root / folder)
        if package not in heights:
            yield f'{source}: no row of {rows} says where the package {package} stands; add it to one'
            continue
        for line, imported in _imports(text, module):
            if not imported.startswith(GENERATED) and heights.get(imported, len(layers)) >= heights[package]:
                yield (f'{source}:{line}: import of {imported} points the wrong way: {package} uses only what stands '
                       f'in a row of {rows} before its own; move the name down, or pass the value in')


def problems(root: pathlib.Path) -> List[str]:
    return [problem for folder, layers in FOLDERS.items() for problem in _folder_problems(root, folder, layers)]


if __name__ == '__main__':
    project.run('check_go_layers', problems)
