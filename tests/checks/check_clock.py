"""Fails on code that reads the clock, sleeps or draws random numbers by itself: all three come in by injection, so that
tests can decide them."""

import pathlib
import re
from typing import List, Tuple

import project

RULES: Tuple[Tuple[str, str, str, Tuple[str, ...]], ...] = (
    ('time', r'\babsl::(?:Now|GetCurrentTimeNanos)\s*\(|\b(?:system|steady|high_resolution)_clock\b'
             r'|\b(?:gettimeofday|clock_gettime)\s*\(|\b(?:std::)?time\s*\(\s*(?:NULL|nullptr|0)\s*\)',
     'take the time from Clock', ('common/clock',)),
    ('sleep', r'\bsleep_(?:for|until)\s*\(|\babsl::SleepFor\s*\(|\b(?:usleep|nanosleep|sleep)\s*\(',
     'wait on a condition, or with Clock', ('common/clock',)),
    ('random', r'\b(?:rand|srand|random|drand48|arc4random)\s*\(|\brandom_device\b|\bmt19937'
               r'|\babsl::(?:Insecure)?BitGen\b',
     'take ids from IdGenerator and jitter as an argument', ('common/ids',)),
)
# The supervisor and penstock-env are processes of their own with nothing to inject into them.
FREE = ('tests/', 'executor/local/runner/', 'executor/posix/process_clock')


def problems(root: pathlib.Path) -> List[str]:
    found = []
    for path in project.files(root, '.h', '.cc'):
        source = project.relative(path, root)
        if source.startswith(FREE) or source.endswith('_test.cc'):
            continue
        bare = project.bare_cpp(project.text_of(path))
        for what, pattern, instead, homes in RULES:
            if source.startswith(homes):
                continue
            for match in re.finditer(pattern, bare):
                line = project.line_of(bare, match.start())
                found.append(f'{source}:{line}: {match.group().strip()} ({what}): {instead}')
    return found


if __name__ == '__main__':
    project.run('check_clock', problems)
