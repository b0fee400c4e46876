"""Counts the tests of the rings and prints the summary of tests/run.sh.

    summary.py ctest NAME JUNIT.xml CASES_DIR LOG OUT.json    one ring of ctest
    summary.py pytest NAME JUNIT.xml LOG OUT.json             one ring of pytest
    summary.py broken OUT.json WHAT                           a ring that could not run: one failure
    summary.py total DIR                                      all OUT.json in DIR; exit code 1 unless all passed

Each of the first three prints a line of its own, with the names of what failed and why it was skipped.
"""

import collections
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List

LISTED = 40
SHARED = 4


class Counts:
    def __init__(self, ring: str, log: str) -> None:
        self.ring, self.log = ring, log
        self.passed = 0
        self.failed: List[str] = []
        self.skipped: List[str] = []
        self.seconds = 0.0

    def report(self, out: pathlib.Path) -> None:
        line = f'  {self.ring:<12} {self.passed} passed, {len(self.failed)} failed'
        if self.skipped:
            line += f', {len(self.skipped)} skipped'
        print(f'{line}  ({self.seconds:.0f} s)')
        for kind, names in (('FAILED', self.failed), ('skipped', by_reason(self.skipped))):
            for name in names[:LISTED]:
                print(f'    {kind} {name}')
            if len(names) > LISTED:
                print(f'    {kind} {len(names) - LISTED} more')
        if self.failed:
            print(f'    all of it in {self.log}')
        out.write_text(json.dumps({'passed': self.passed, 'failed': self.failed, 'skipped': self.skipped}))


def by_reason(names: List[str]) -> List[str]:
    """Tests that are skipped for the same reason as several others share a line."""
    def reason_of(name: str) -> str:
        return re.sub(r'\[.*\]', '', name).partition(': ')[2]  # a parameter may have a colon, too
    counts = collections.Counter(map(reason_of, names))
    shared = {reason: count for reason, count in counts.items() if reason and count >= SHARED}
    return ([f'{count} tests: {reason}' for reason, count in shared.items()]
            + [name for name in names if reason_of(name) not in shared])


def first_line(text: str) -> str:
    """The first line that says something; pytest begins many messages with the bare kind of the error."""
    lines = [line.strip() for line in (text or '').splitlines() if line.strip() and not line.strip().endswith('Error:')]
    return lines[0][:200] if lines else ''


def add_googletest(counts: Counts, program: str, path: pathlib.Path) -> int:
    """Adds the cases of one GoogleTest program; returns how many failed."""
    failed = 0
    for suite in json.loads(path.read_text())['testsuites']:
        for case in suite['testsuite']:
            name = f'{program}: {suite["name"]}.{case["name"]}'
            if case.get('failures'):
                failed += 1
                counts.failed.append(name)
            elif case.get('result') == 'SKIPPED' or 'skipped' in case:
                reason = (case.get('skipped') or [{}])[0].get('message', '')
                counts.skipped.append(f'{name} {first_line(reason)}'.strip())
            elif case.get('status') == 'RUN':
                counts.passed += 1
    return failed


def add_go(counts: Counts, program: str, output: str) -> int:
    """Adds the tests that `go test -v` names in its output; returns how many failed. Subtests are not counted."""
    results = re.findall(r'^--- (PASS|FAIL|SKIP): (\S+)', output, re.MULTILINE)
    for result, name in results:
        if result == 'PASS':
            counts.passed += 1
        else:
            (counts.failed if result == 'FAIL' else counts.skipped).append(f'{program}: {name}')
    return sum(result == 'FAIL' for result, _ in results)


def read_junit(path: pathlib.Path, counts: Counts) -> List[ElementTree.Element]:
    """The test cases of a JUnit file. A missing or broken one is a failure: nothing is known to have passed."""
    try:
        cases = list(ElementTree.parse(path).getroot().iter('testcase'))
    except (OSError, ElementTree.ParseError) as error:
        counts.failed.append(f'no results: {error}')
        return []
    if not cases:
        counts.failed.append('no tests were found')
    return cases


def count_ctest(ring: str, junit: str, cases: str, log: str, out: str) -> None:
    counts = Counts(ring, log)
    for case in read_junit(pathlib.Path(junit), counts):
        program = case.get('name', '?')
        counts.seconds += float(case.get('time') or 0)
        status = case.get('status', '')
        details = pathlib.Path(cases) / f'{program}.json'
        output = case.findtext('system-out') or ''
        before = counts.passed, len(counts.failed), len(counts.skipped)
        failed = add_googletest(counts, program, details) if details.exists() else add_go(counts, program, output)
        nothing_known = before == (counts.passed, len(counts.failed), len(counts.skipped))
        if status == 'fail' and not failed:
            # It died, hung, leaked or was stopped by a sanitizer after or between its cases.
            reason = case.find('failure')
            message = reason.get('message', '') if reason is not None else ''
            counts.failed.append(f'{program} as a whole: {message or "see the log"}')
        elif status in ('notrun', 'disabled'):
            counts.skipped.append(f'{program} {status}')
        elif nothing_known and status == 'run':
            counts.passed += 1
    counts.report(pathlib.Path(out))


def count_pytest(ring: str, junit: str, log: str, out: str) -> None:
    counts = Counts(ring, log)
    for case in read_junit(pathlib.Path(junit), counts):
        counts.seconds += float(case.get('time') or 0)
        name = f'{case.get("classname", "").rsplit(".", 1)[-1]}.{case.get("name")}'
        failure = next((found for kind in ('failure', 'error') for found in case.findall(kind)), None)
        skipped = case.find('skipped')
        if failure is not None:
            counts.failed.append(f'{name}: {first_line(failure.get("message", ""))}')
        elif skipped is not None:
            counts.skipped.append(f'{name}: {first_line(skipped.get("message", ""))}')
        else:
            counts.passed += 1
    counts.report(pathlib.Path(out))


def broken(out: str, what: str) -> None:
    print(f'    FAILED {what}')
    pathlib.Path(out).write_text(json.dumps({'passed': 0, 'failed': [what], 'skipped': []}))


def total(folder: str) -> int:
    rings: List[Dict[str, Any]] = [json.loads(path.read_text()) for path in pathlib.Path(folder).glob('*.json')]
    passed = sum(ring['passed'] for ring in rings)
    failed = sum(len(ring['failed']) for ring in rings)
    skipped = sum(len(ring['skipped']) for ring in rings)
    print(f'Logs: {folder}')
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == 'total':
        return total(*arguments)
    {'ctest': count_ctest, 'pytest': count_pytest, 'broken': broken}[command](*arguments)
    return 0


if __name__ == '__main__':
    sys.exit(main())
