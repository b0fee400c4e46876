"""Fails on a function that fills a value through a reference: a result is returned, and what is filled besides is a
pointer, so that the caller's `&` shows it. A reference without const is for a thing that is worked on."""

import pathlib
import re
from typing import List

import project

NESTED = r'<(?:[^<>&()]|<(?:[^<>&()]|<[^<>&()]*>)*>)*>'
VALUE = (r'(?:std::(?:string(?:_view)?|vector|deque|map|set|unordered_map|unordered_set|optional|pair|array)'
         r'|absl::(?:string_view|Time|Duration|Status|flat_hash_map|flat_hash_set|btree_map|btree_set)'
         r'|unsigned|int|u?int(?:8|16|32|64)_t|size_t|bool|double|float|Json|Tags)')
OF_LIST = re.compile(rf'[(,]\s*({VALUE}(?:{NESTED})?&\s*\w+)\s*(?=[,)=])')
# Lambdas go to algorithms and to visitors, which say how they call; so do the overloads of a visitor.
OF_CALLABLE = re.compile(r'(?:\]|operator\(\))\s*\([^()]*$')


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc'):
        source = project.relative(path, root)
        bare = project.bare_cpp(project.text_of(path))
        for match in OF_LIST.finditer(bare):
            if OF_CALLABLE.search(bare, max(0, match.start() - 200), match.start() + 1):
                continue
            line = project.line_of(bare, match.start(1))
            found.append(f'{source}:{line}: {match.group(1)}: return the value, or take a pointer, last')
    return found


if __name__ == '__main__':
    project.run('check_out_parameters', problems)
