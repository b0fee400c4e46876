"""Fails on words that do not belong in a committed file: paths of one machine, hosts of package registries, numbers of
tickets, marks of unfinished work."""

import pathlib
import re
from typing import List, Tuple

import project

# A leading slash after a letter is a part of a relative path or of a URL, and "/work/..." is also a folder of the data
# directory. `/root/dag` and the like are paths in a pipeline document.
WORDS: Tuple[Tuple[str, str], ...] = (
    (r'(?<![\w.$})\]*-])/(?:work/(?:main|shared|\.)|home/\w+/|Users/\w+/)', 'a path of one machine'),
    (r'(?<![\w.$})\]*-])/root/(?!dag\b|(?:input|output)Definitions\b|executorLabel\b)', 'a path of one machine'),
    (r'\b(?:files\.pythonhosted\.org|(?:test\.)?pypi\.org|(?:proxy|sum)\.golang\.org|registry\.npmjs\.org|crates\.io'
     r'|repo1?\.maven\.(?:apache\.)?org|(?:deb|security)\.debian\.org)\b', 'the host of a package registry'),
    (r'\b[Ii]ssues?\s*#\s*\d|\b(?:ticket|PR)\s*#\s*\d', 'the number of a ticket'),
    (r'\b(?:FIXME|XXX|HACK)\b', 'a mark of unfinished work'),
)
# These name the words in order to find them. Licences and lock files are not our text.
FREE = ('tests/checks/check_words.py', 'tests/checks/test_checks.py', 'LICENSE', 'gateway/go.sum',
        'cli/go.sum')


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root):
        source = project.relative(path, root)
        if source in FREE:
            continue
        text = project.text_of(path)
        if project.is_generated(text):
            continue
        for pattern, what in WORDS:
            for match in re.finditer(pattern, text):
                found.append(f'{source}:{project.line_of(text, match.start())}: "{match.group()}" is {what}')
    return found


if __name__ == '__main__':
    project.run('check_words', problems)
