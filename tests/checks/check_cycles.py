"""Fails on files that include each other in a circle: whoever reads one of them would have to know all of them."""

import pathlib
from typing import Dict, List, Set

import check_layers
import project


def _includes(root: pathlib.Path) -> Dict[str, Set[str]]:
    """What each file includes of ours, all without suffixes: a header and the source of the same name are one."""
    included: Dict[str, Set[str]] = {}
    for path in project.files(root, '.h', '.cc'):
        source = project.relative(path, root).rsplit('.', 1)[0]
        of_source = included.setdefault(source, set())
        for include in check_layers.INCLUDE.finditer(project.text_of(path)):
            of_source.add(include['path'].rsplit('.', 1)[0])
    return {source: {other for other in others if other in included and other != source}
            for source, others in included.items()}


def _reached(included: Dict[str, Set[str]], source: str) -> Set[str]:
    """All that `source` includes, by whatever way; itself too if it is in a circle."""
    reached: Set[str] = set()
    waiting = [source]
    while waiting:
        for other in included[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    return reached


def problems(root: pathlib.Path) -> List[str]:
    included = _includes(root)
    reached = {source: _reached(included, source) for source in included}
    circles = {' '.join(sorted(other for other in reached[source] if source in reached[other]))
               for source in included if source in reached[source]}
    return [f'these include each other: {circle}; what they share belongs into a file that includes none of them'
            for circle in sorted(circles)]


if __name__ == '__main__':
    project.run('check_cycles', problems)
