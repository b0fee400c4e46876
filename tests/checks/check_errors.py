"""Fails on an error for users that is made where it is found: in the rooms that answer requests each is a named
function of common/errors.h or server/errors.h, so that a sentence and its code live in one place. INTERNAL, our own
bug, may stay where it is."""

import pathlib
import re
from typing import List

import project

HOMES = ('server/handlers/', 'server/convert/', 'server/validate.cc', 'server/package_fetch.cc', 'runs/')
HOME_FILES = re.compile(r'storage/[^/]+$')
CODES = ('Aborted', 'AlreadyExists', 'DeadlineExceeded', 'FailedPrecondition', 'InvalidArgument', 'NotFound',
         'OutOfRange', 'PermissionDenied', 'ResourceExhausted', 'Unavailable', 'Unimplemented')
MADE = re.compile(rf'\b(?:absl::)?(?:{"|".join(CODES)})Error\s*\('
                  rf'|\bStatus\s*[({{]\s*absl::StatusCode::k(?:{"|".join(CODES)})\b')


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc'):
        source = project.relative(path, root)
        if not (source.startswith(HOMES) or HOME_FILES.match(source)) or source.endswith('_test.cc'):
            continue
        bare = project.bare_cpp(project.text_of(path))
        for match in MADE.finditer(bare):
            line = project.line_of(bare, match.start())
            found.append(f'{source}:{line}: {match.group().strip("( ")}: name it in common/errors.h, or in '
                         'server/errors.h if only the server tells it')
    return found


if __name__ == '__main__':
    project.run('check_errors', problems)
