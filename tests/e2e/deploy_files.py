"""The files of deploy/ as tests read them."""

import re
import shlex
import subprocess
from typing import Any, Dict, List, NamedTuple, Set

import yaml

from penstock import PROGRAMS, ROOT

DEPLOY = ROOT / 'deploy'


def output(*command: str) -> str:
    """What a program prints; it has to succeed."""
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, f'{shlex.join(command)}: {answer.returncode} {answer.stdout}{answer.stderr}'
    return answer.stdout


def settings_of(program: str) -> Set[str]:
    """The names of the flags in a program's --help."""
    return set(re.findall(r'^ +--(\w+)', output(str(PROGRAMS / program), '--help'), re.MULTILINE))


def compose() -> Dict[str, Any]:
    return yaml.safe_load((DEPLOY / 'compose.yaml').read_text())


class Instruction(NamedTuple):
    name: str
    words: str  # without comments and line breaks


class Stage(NamedTuple):
    image: str
    name: str
    instructions: List[Instruction]

    def all(self, name: str) -> List[str]:
        return [each.words for each in self.instructions if each.name == name]


def stages() -> List[Stage]:
    """Of the Dockerfile."""
    text = re.sub(r'^#.*\n', '', (DEPLOY / 'Dockerfile').read_text(), flags=re.MULTILINE)
    found: List[Stage] = []
    for line in re.sub(r'\\\n\s*', '', text).splitlines():
        if not line.strip():
            continue
        name, words = line.split(None, 1)
        assert re.fullmatch('[A-Z]+', name), f'not an instruction: {line}'
        if name == 'FROM':
            image, _, alias = words.partition(' AS ')
            found.append(Stage(image, alias, []))
        else:
            found[-1].instructions.append(Instruction(name, words))
    return found


def environment_of(stage: Stage) -> Dict[str, str]:
    return dict(word.split('=', 1) for words in stage.all('ENV') for word in shlex.split(words))


def packages_of(stage: Stage) -> List[str]:
    """The Debian packages that it names."""
    return [word for run in stage.all('RUN') for words in re.findall(r'apt-get install ([^&]*)', run)
            for word in words.split() if not word.startswith('-')]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps `path` from the build: the last pattern that fits it or a folder above it counts."""
    verdict = False
    for line in (ROOT / '.dockerignore').read_text().splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        pattern = re.escape(line.strip().lstrip('!').rstrip('/'))
        pattern = pattern.replace(r'\*\*/', '(?:.*/)?').replace(r'\*', '[^/]*')
        if re.fullmatch(f'{pattern}(?:/.*)?', path):
            verdict = not line.startswith('!')
    return verdict
