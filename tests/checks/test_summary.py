"""Shows that the summary of tests/run.sh counts what really happened, above all what did not pass."""

import json
import pathlib
import subprocess
import sys

SUMMARY = pathlib.Path(__file__).resolve().parents[1] / 'summary.py'


def summary(*arguments: object) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run([sys.executable, str(SUMMARY), *map(str, arguments)], capture_output=True, text=True,
                          check=False)


def ctest(folder: pathlib.Path, junit: str, **googletest: object) -> dict:
    """Counts the ctest results `junit` with the results of GoogleTest programs by name."""
    cases = folder / 'cases'
    cases.mkdir()
    (folder / 'ctest.xml').write_text(f'<testsuite>{junit}</testsuite>')
    for program, results in googletest.items():
        suite = {'name': 'Suite', 'testsuite': [{'name': name, **result} for name, result in results.items()]}
        (cases / f'{program}.json').write_text(json.dumps({'testsuites': [suite]}))
    summary('ctest', 'ring', folder / 'ctest.xml', cases, 'log', folder / 'out.json')
    return json.loads((folder / 'out.json').read_text())


RAN = {'status': 'RUN', 'result': 'COMPLETED'}
BROKEN = {'status': 'RUN', 'result': 'COMPLETED', 'failures': [{'failure': 'expected 1'}]}
LEFT_OUT = {'status': 'RUN', 'result': 'SKIPPED', 'skipped': [{'message': 'file.cc:1\nno database'}]}


def test_cases_are_counted_and_not_programs(tmp_path):
    counts = ctest(tmp_path, '<testcase name="a" status="run"/>', a={'X': RAN, 'Y': RAN, 'Z': LEFT_OUT})
    assert counts['passed'] == 2 and counts['failed'] == []
    assert len(counts['skipped']) == 1


def test_failed_cases_are_named(tmp_path):
    counts = ctest(tmp_path, '<testcase name="a" status="fail"/>', a={'X': RAN, 'Y': BROKEN})
    assert counts['passed'] == 1 and counts['failed'] == ['a: Suite.Y']


def test_a_program_that_dies_is_a_failure(tmp_path):
    counts = ctest(tmp_path, '<testcase name="a" status="fail"><failure message="SEGFAULT"/></testcase>')
    assert counts['passed'] == 0 and counts['failed'] == ['a as a whole: SEGFAULT']


def test_a_program_that_fails_after_its_cases_is_a_failure(tmp_path):
    junit = '<testcase name="a" status="fail"><failure message="exit code 99"/></testcase>'
    counts = ctest(tmp_path, junit, a={'X': RAN})
    assert counts['passed'] == 1 and counts['failed'] == ['a as a whole: exit code 99']


def test_tests_of_go_are_counted_by_name(tmp_path):
    output = '--- PASS: TestA (0.1s)\n    --- PASS: TestA/sub (0.0s)\n--- FAIL: TestB (0.1s)\n--- SKIP: TestC (0.0s)\n'
    counts = ctest(tmp_path, f'<testcase name="go" status="fail"><system-out>{output}</system-out></testcase>')
    assert counts == {'passed': 1, 'failed': ['go: TestB'], 'skipped': ['go: TestC']}


def test_programs_of_another_kind_count_once(tmp_path):
    counts = ctest(tmp_path, '<testcase name="a" status="run"/><testcase name="b" status="notrun"/>')
    assert counts['passed'] == 1 and counts['skipped'] == ['b notrun']


def test_missing_results_are_a_failure(tmp_path):
    summary('pytest', 'e2e', tmp_path / 'none.xml', 'log', tmp_path / 'out.json')
    assert json.loads((tmp_path / 'out.json').read_text())['failed']


def test_no_tests_are_a_failure(tmp_path):
    assert ctest(tmp_path, '')['failed'] == ['no tests were found']


def test_errors_in_fixtures_are_failures(tmp_path):
    (tmp_path / 'e2e.xml').write_text(
        '<testsuites><testsuite><testcase classname="a.b" name="x"/>'
        '<testcase classname="a.b" name="y"><error message="RuntimeError:&#10; no server"/></testcase>'
        '<testcase classname="a.b" name="z"><skipped message="no network"/></testcase></testsuite></testsuites>')
    printed = summary('pytest', 'e2e', tmp_path / 'e2e.xml', 'log', tmp_path / 'out.json').stdout
    assert json.loads((tmp_path / 'out.json').read_text()) == {
        'passed': 1, 'failed': ['b.y: no server'], 'skipped': ['b.z: no network']}
    assert '1 passed, 1 failed, 1 skipped' in printed


def test_what_is_skipped_for_one_reason_shares_a_line(tmp_path):
    skipped = '<skipped message="only with sqlite: why"/>'
    cases = ''.join(f'<testcase classname="a" name="t[a: {number}]">{skipped}</testcase>' for number in range(50))
    (tmp_path / 'e2e.xml').write_text(f'<testsuite>{cases}<testcase classname="a" name="u"><skipped message="alone"/>'
                                      '</testcase></testsuite>')
    printed = summary('pytest', 'e2e', tmp_path / 'e2e.xml', 'log', tmp_path / 'out.json').stdout
    assert [line.strip() for line in printed.splitlines()[1:]] == [
        'skipped 50 tests: only with sqlite: why', 'skipped a.u: alone']


def test_the_last_line_is_the_sum(tmp_path):
    for name, passed, failed, skipped in (('a', 3, [], []), ('b', 4, ['x'], ['y'])):
        (tmp_path / f'{name}.json').write_text(json.dumps({'passed': passed, 'failed': failed, 'skipped': skipped}))
    result = summary('total', tmp_path)
    assert result.stdout.splitlines()[-1] == '7 passed, 1 failed, 1 skipped'
    assert result.returncode == 1
    (tmp_path / 'b.json').unlink()
    result = summary('total', tmp_path)
    assert result.stdout.splitlines()[-1] == '3 passed, 0 failed'
    assert result.returncode == 0


def test_nothing_at_all_is_not_a_success(tmp_path):
    assert summary('total', tmp_path).returncode == 1
