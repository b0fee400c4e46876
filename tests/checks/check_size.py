"""Fails on files, functions and lines that are too long to be read."""

import ast
import pathlib
import re
from typing import Dict, Iterator, List, Tuple

import project

FILE_LINES = 600
FUNCTION_LINES = 70
TEST_FUNCTION_LINES = 100
MARKUP_FUNCTION_LINES = 100  # of .tsx, where half of a function is markup
LINE_COLUMNS = 120  # of Python, shell and TypeScript; clang-format keeps C++, and Go has no bound

# Longer for a reason: path, or path:function, to the lines allowed.
ALLOWED: Dict[str, int] = {}

Function = Tuple[str, int, int]  # name, first line, number of lines

CPP_NOT_FUNCTION = re.compile(r'^(?:.*\s)?(?:namespace|enum|struct|class|union|extern)\b[^()]*$', re.DOTALL)
CPP_NAME = re.compile(r'([~\w:]+|operator\s*[^\s\w]+)\s*\(')
# `b_{` among the initialisers of a constructor, whose body is still to come.
CPP_MEMBER_INITIALISER = re.compile(r'\)\s*(?:noexcept\s*)?:(?!:).*[\w>]$', re.DOTALL)


def cpp_functions(text: str) -> Iterator[Function]:
    """Function bodies by their braces. Whatever opens a brace after a parameter list, outside of another function, is
    one; namespaces and classes are looked into, initialisers are not."""
    bare = re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', lambda match: re.sub(r'[^\n]', ' ', match.group()),
                  project.bare_cpp(text), flags=re.MULTILINE)
    stack: List[Tuple[str, int, str]] = []
    head_start = 0
    for match in re.finditer(r'[{};]', bare):
        inside = bool(stack) and stack[-1][0] != 'scope'
        if match.group() == '{':
            head = bare[head_start:match.start()]
            name = CPP_NAME.search(head)
            if inside:
                stack.append(('block', 0, ''))
            elif CPP_MEMBER_INITIALISER.search(head):
                stack.append(('initialiser', 0, ''))
            elif name and not CPP_NOT_FUNCTION.match(head):
                first = project.line_of(bare, head_start + len(head) - len(head.lstrip()))
                stack.append(('function', first, name.group(1)))
            elif '=' in head or not head.strip():
                stack.append(('block', 0, ''))
            else:
                stack.append(('scope', 0, ''))
        elif match.group() == '}' and stack:
            kind, first, function = stack.pop()
            if kind == 'function':
                yield function, first, project.line_of(bare, match.start()) - first + 1
            if kind == 'initialiser':
                continue
        if not stack or stack[-1][0] == 'scope':
            head_start = match.end()


def go_functions(text: str) -> Iterator[Function]:
    for match in re.finditer(r'^func\s+(?:\([^)]*\)\s*)?(\w+).*?^}', text, re.MULTILINE | re.DOTALL):
        if '\n' not in match.group().split('}', 1)[0] and match.group().count('\nfunc '):
            continue  # a body on one line swallowed the next function
        first = project.line_of(text, match.start())
        yield match.group(1), first, match.group().count('\n') + 1


def typescript_functions(text: str) -> Iterator[Function]:
    whole = r'^(?:export )?(?:default )?(?:async )?function\*? (\w+).*?^}'
    for match in re.finditer(whole, text, re.MULTILINE | re.DOTALL):
        yield match.group(1), project.line_of(text, match.start()), match.group().count('\n') + 1


def python_functions(text: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


FUNCTIONS = {'.h': cpp_functions, '.cc': cpp_functions, '.go': go_functions, '.py': python_functions,
             '.ts': typescript_functions, '.tsx': typescript_functions}
WITH_COLUMNS = ('.py', '.sh', '.ts', '.tsx')


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc', '.go', '.py', '.sh', '.ts', '.tsx'):
        source, text = project.relative(path, root), project.text_of(path)
        if project.is_generated(text):
            continue
        lines = text.splitlines()
        if len(lines) > ALLOWED.get(source, FILE_LINES):
            found.append(f'{source}: {len(lines)} lines; a file has at most {FILE_LINES}: split it by what it does')
        for number, line in enumerate(lines if path.suffix in WITH_COLUMNS else [], 1):
            if len(line) > LINE_COLUMNS and not re.search(r'https?://\S{60}', line):
                found.append(f'{source}:{number}: {len(line)} columns; a line has at most {LINE_COLUMNS}')
        is_test = source.startswith('tests/') or re.search(r'(_test\.(cc|go)|/test_\w+\.py)$', source)
        limit = MARKUP_FUNCTION_LINES if path.suffix == '.tsx' else FUNCTION_LINES
        limit = TEST_FUNCTION_LINES if is_test else limit
        for name, first, length in FUNCTIONS.get(path.suffix, lambda text: iter(()))(text):
            if length > ALLOWED.get(f'{source}:{name}', limit):
                found.append(f'{source}:{first}: {name} has {length} lines; a function has at most {limit}: '
                             'give its parts names')
    return found


if __name__ == '__main__':
    project.run('check_size', problems)
