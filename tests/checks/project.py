"""What every check needs: the files of the project, and C++ text without comments and literals."""

import pathlib
import re
import subprocess
import sys
from typing import Callable, Iterator, List

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = {'.git', '.venv', 'build', '__pycache__', 'node_modules'}
FOLDERS = ('common', 'content', 'deploy', 'examples', 'executor', 'gateway', 'migrations', 'pipeline', 'proto', 'runs',
           'scheduler', 'server', 'storage', 'tests')
GENERATED_MARK = re.compile(r'^(//|#) Code generated .* DO NOT EDIT', re.MULTILINE)
CPP_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'",
    re.DOTALL)


def files(root: pathlib.Path, *suffixes: str) -> List[pathlib.Path]:
    """Files under `root` that are or could be committed, as absolute paths; those ending in `suffixes` if given."""
    listed = subprocess.run(['git', '-C', str(root), 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0 and (root / '.git').exists():
        found = [root / name for name in listed.stdout.split('\0') if name]
    else:
        found = list(_walk(root))
    return sorted(path for path in found
                  if path.is_file() and (not suffixes or path.name.endswith(suffixes)))


def _walk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name not in SKIPPED_FOLDERS:
                yield from _walk(path)
        else:
            yield path


def relative(path: pathlib.Path, root: pathlib.Path) -> str:
    return path.relative_to(root).as_posix()


def text_of(path: pathlib.Path) -> str:
    """The text of a file, or '' of one that is not text."""
    data = path.read_bytes()
    return '' if b'\0' in data[:8192] else data.decode('utf-8', errors='replace')


def is_generated(text: str) -> bool:
    return GENERATED_MARK.search(text[:2000]) is not None


def bare_cpp(text: str) -> str:
    """C++ text with comments and the content of literals blanked; lines and columns stay."""
    def blank(match: 're.Match[str]') -> str:
        return re.sub(r'[^\n]', ' ', match.group())
    return CPP_TOKEN.sub(blank, text)


def line_of(text: str, position: int) -> int:
    return text.count('\n', 0, position) + 1


def run(name: str, problems: Callable[[pathlib.Path], List[str]]) -> None:
    """The main function of a check: prints the problems of the tree given as argument, or of this one."""
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    found = problems(root)
    for problem in found:
        print(problem)
    print(f'{name}: {len(found)} problems')
    sys.exit(1 if found else 0)
