"""Fails where docs/ name a test that is not there, where a row of the tables that promise one names none, and where a
test of the conformance suite proves no row."""

import ast
import pathlib
import re
from typing import Dict, Iterator, List, Set, Tuple

import project

DOCUMENTS = ('docs/COMPATIBILITY.md', 'docs/PIPELINE_FORMAT.md')
SUITE = 'tests/e2e/conformance'
# Tables with this as their last heading name a test in each row, or say "the same" as the row above.
PROOF = 'shown by'

CPP_TEST = re.compile(r'\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)')
GO_TEST = re.compile(r'^func (Test\w+)\(', re.MULTILINE)
CODE = re.compile(r'`([^`]+)`')
PYTHON_NAME = re.compile(r'(test_\w+)(?:::(test_\w+))?')
CPP_NAME = re.compile(r'([A-Z]\w*)(?:\.(\w+|\*))?')


class Tests:
    """The names of all tests."""

    def __init__(self, root: pathlib.Path) -> None:
        self.python: Dict[str, Set[str]] = {}  # by module, without folders
        self.cpp: Dict[str, Set[str]] = {}  # by suite
        self.go: Set[str] = set()
        self.suite: Set[Tuple[str, str]] = set()
        for path in project.files(root, '.py', '.cc', '.h', '.go'):
            text = project.text_of(path)
            if path.suffix == '.go':
                self.go.update(GO_TEST.findall(text))
            elif path.suffix != '.py':
                for suite, name in CPP_TEST.findall(text):
                    self.cpp.setdefault(suite, set()).add(name)
            elif path.name.startswith('test_'):
                names = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)
                         and node.name.startswith('test_')}
                self.python.setdefault(path.stem, set()).update(names)
                if project.relative(path, root).startswith(f'{SUITE}/'):
                    self.suite.update((path.stem, name) for name in names)


def tables(text: str) -> Iterator[Tuple[int, List[str], List[str]]]:
    """Line, heading and cells of each row of each table. Bars within code or behind a backslash divide nothing."""
    heading: List[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith('|'):
            heading = []
            continue
        bare = re.sub(r'`[^`]*`|\\\|', lambda match: match.group().replace('|', '\0'), line)
        cells = [cell.strip().replace('\0', '|') for cell in bare.strip().strip('|').split('|')]
        if not heading:
            heading = cells
        elif not set(''.join(cells)) <= set('-: '):
            yield number, heading, cells


def proofs(cell: str) -> List[str]:
    """The names that a cell of the last column gives, with what stands before them."""
    return re.findall(r'(?:\b(?:e2e|gateway):)?`[^`]+`', cell)


class Document:
    def __init__(self, source: str, tests: Tests) -> None:
        self._source, self._tests = source, tests
        self.found: List[str] = []
        self.named: Set[Tuple[str, str]] = set()

    def read(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            for match in re.finditer(r'(?<!`)\b(e2e|gateway):((?:`[^`]+`(?:, )?)+)', line):
                for name in CODE.findall(match.group(2)):
                    self._check(number, match.group(1), name)
            for name in re.findall(r'(?<!:)`([A-Z]\w*Test\.\w+)`', line):
                self._check_cpp(number, name)
        for number, heading, cells in tables(text):
            if heading[-1] == PROOF:
                self._row(number, cells)

    def _row(self, number: int, cells: List[str]) -> None:
        last = cells[-1]
        if len(cells) > 1 and not any(cells[1:]):
            return  # a heading within the table
        if last != 'the same' and not proofs(last):
            self._report(number, f'the row "{cells[0][:60]}" names no test')
        for name in proofs(re.sub(r'\b(?:e2e|gateway):(?:`[^`]+`(?:, )?)+', '', last)):
            self._check(number, 'C++', name.strip('`'))

    def _check(self, number: int, kind: str, name: str) -> None:
        if kind == 'gateway':
            if name not in self._tests.go:
                self._report(number, f'there is no Go test {name}')
        elif kind == 'e2e' and not (name[:1].isupper()):
            self._check_python(number, name)
        else:
            self._check_cpp(number, name)

    def _check_python(self, number: int, name: str) -> None:
        match = PYTHON_NAME.fullmatch(name)
        module, function = match.groups() if match else (name, None)
        if module not in self._tests.python:
            self._report(number, f'there is no file {module}.py with tests')
            return
        if function and function not in self._tests.python[module]:
            self._report(number, f'there is no test {module}::{function}')
        self.named.update((module, each) for each in ([function] if function else self._tests.python[module]))

    def _check_cpp(self, number: int, name: str) -> None:
        match = CPP_NAME.fullmatch(name)
        suite, case = match.groups() if match else (name, None)
        if suite not in self._tests.cpp:
            self._report(number, f'there is no suite {suite}')
        elif case and case != '*' and case not in self._tests.cpp[suite]:
            self._report(number, f'there is no test {suite}.{case}')

    def _report(self, number: int, what: str) -> None:
        self.found.append(f'{self._source}:{number}: {what}')


def problems(root: pathlib.Path) -> List[str]:
    tests, found = Tests(root), []
    named: Set[Tuple[str, str]] = set()
    for source in DOCUMENTS:
        path = root / source
        if path.is_file():
            document = Document(source, tests)
            document.read(project.text_of(path))
            found += document.found
            named |= document.named
    for module, name in sorted(tests.suite - named):
        found.append(f'{SUITE}/{module}.py: {name} proves no row of {DOCUMENTS[-1]}; name it there')
    return found


if __name__ == '__main__':
    project.run('check_proofs', problems)
