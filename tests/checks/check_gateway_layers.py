"""Fails on a package of gateway/ that imports one which does not stand below it. Go itself refuses only cycles."""

import pathlib
import re
from typing import Iterator, List, Tuple

import project

FOLDER = 'gateway'
MODULE = 'github.com/penstock/penstock/gateway'
GENERATED = 'gen/'  # below all
MAIN = '.'

# From the bottom up. A package may import those of the rows before its own, so none of its own row. What only main may
# know stands in the last row but one: a part is given its settings, and never sees the whole of them.
LAYERS: Tuple[Tuple[str, ...], ...] = (
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
HEIGHTS = {package: height for height, row in enumerate(LAYERS) for package in row}

IMPORT = re.compile(r'^import[ \t]+(?:\((?P<block>.*?)^\)|(?P<single>[^\n]*))', re.MULTILINE | re.DOTALL)
PATH = re.compile(r'^[ \t]*(?:[\w.]+[ \t]+)?"(?P<path>[^"\n]+)"', re.MULTILINE)


def _imports(text: str) -> Iterator[Tuple[int, str]]:
    """Line and package of each import of ours."""
    for declaration in IMPORT.finditer(text):
        group = 'block' if declaration['block'] is not None else 'single'
        for match in PATH.finditer(declaration[group]):
            if match['path'] == MODULE or match['path'].startswith(f'{MODULE}/'):
                line = project.line_of(text, declaration.start(group) + match.start('path'))
                yield line, match['path'][len(MODULE) + 1:] or MAIN


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.go'):
        source, text = project.relative(path, root), project.text_of(path)
        if not source.startswith(f'{FOLDER}/') or source.startswith(f'{FOLDER}/{GENERATED}'):
            continue
        package = project.relative(path.parent, root / FOLDER)
        if package not in HEIGHTS:
            found.append(f'{source}: no row of LAYERS says where the package {package} stands; add it to one')
            continue
        for line, imported in _imports(text):
            if not imported.startswith(GENERATED) and HEIGHTS.get(imported, len(LAYERS)) >= HEIGHTS[package]:
                found.append(f'{source}:{line}: import of {imported} points the wrong way: {package} uses only what '
                             'stands in a row of LAYERS before its own; move the name down, or pass the value in')
    return found


if __name__ == '__main__':
    project.run('check_gateway_layers', problems)
