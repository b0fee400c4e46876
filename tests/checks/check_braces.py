"""Fails on two hands in C++: a short statement stands on the line of its condition, without braces; everything else of
`if`, `for` and `while` has braces."""

import pathlib
import re
from typing import List

import project

COLUMNS = 110  # of .clang-format
HEAD = re.compile(r'^(?P<indent>\s*)(?P<head>(?:if|for|while)\b[^;{]*\(.*\))(?P<brace> \{)?$')
ELSE = re.compile(r'^\s*(?:\} )?else$')
# What is not one statement, or would hide another condition.
COMPOUND = re.compile(r'^(?:if|for|while|do|switch|case|else|using|const|auto|ASSIGN_OR_RETURN)\b'
                      r'|^(?:(?:ASSERT|EXPECT)_\w+|ADD_FAILURE|FAIL)\(|^[\w:<>*&, ]+ [\w]+ = ')


def is_whole(head: str) -> bool:
    return head.count('(') == head.count(')')


def fits_beside(lines: List[str], bare: List[str], i: int) -> bool:
    """Whether lines i to i + 2 are a braced statement that fits on the line of its condition."""
    match = HEAD.match(bare[i])
    if not match or not match['brace'] or not is_whole(match['head']) or i + 2 >= len(lines):
        return False
    statement = lines[i + 1].strip()
    return (lines[i + 2] == match['indent'] + '}' and bare[i + 1].rstrip().endswith(';') and '//' not in lines[i + 1]
            and bare[i + 1].count(';') == 1 and not COMPOUND.match(statement)
            and len(lines[i]) - 1 + len(statement) <= COLUMNS)


def lacks_braces(bare: List[str], i: int) -> bool:
    match = HEAD.match(bare[i])
    return bool(match and not match['brace'] and is_whole(match['head'])) or bool(ELSE.match(bare[i]))


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc'):
        text = project.text_of(path)
        lines, bare = text.split('\n'), project.bare_cpp(text).split('\n')
        for i in range(len(lines)):
            where = f'{project.relative(path, root)}:{i + 1}'
            if fits_beside(lines, bare, i):
                found.append(f'{where}: the statement fits on the line of its condition, without braces')
            elif lacks_braces(bare, i):
                found.append(f'{where}: a statement on a line of its own needs braces')
    return found


if __name__ == '__main__':
    project.run('check_braces', problems)
