"""Fails on a *_test.cc that no CMakeLists.txt builds: such a test is lost without anyone noticing."""

import pathlib
import re
from typing import List

import project


def _names(cmake: str, folder_from_cmake: str, name: str) -> bool:
    """Whether the CMake text names the file: by its path, or by its stem among the items of a foreach."""
    text = re.sub(r'#[^\n]*', '', cmake)
    path = f'{folder_from_cmake}{name}'
    if re.search(rf'(?<![\w./-]){re.escape(path)}(?![\w.-])', text):
        return True
    stems = {name[:-len('.cc')], name[:-len('_test.cc')]}
    for loop in re.finditer(r'foreach\s*\(([^)]*)\)(.*?)endforeach', text, re.DOTALL | re.IGNORECASE):
        items = set(loop.group(1).split()[1:])
        if '.cc' in loop.group(2) and items & {f'{folder_from_cmake}{stem}' for stem in stems}:
            return True
    return False


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '_test.cc'):
        folder, prefix = path.parent, ''
        while True:
            cmake = folder / 'CMakeLists.txt'
            if cmake.is_file() and _names(project.text_of(cmake), prefix, path.name):
                break
            if folder == root:
                found.append(f'{project.relative(path, root)}: no CMakeLists.txt builds it; add it to a penstock_test')
                break
            prefix = f'{folder.name}/{prefix}'
            folder = folder.parent
    return found


if __name__ == '__main__':
    project.run('check_tests_listed', problems)
