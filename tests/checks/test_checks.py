"""Runs every check on the project, and shows on small trees that each can fail."""

import os
import pathlib
import sys
from typing import Dict

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import check_braces  # noqa: E402
import check_clock  # noqa: E402
import check_cycles  # noqa: E402
import check_errors  # noqa: E402
import check_format  # noqa: E402
import check_go_layers  # noqa: E402
import check_layers  # noqa: E402
import check_names  # noqa: E402
import check_out_parameters  # noqa: E402
import check_proofs  # noqa: E402
import check_scripts  # noqa: E402
import check_size  # noqa: E402
import check_tests_listed  # noqa: E402
import check_words  # noqa: E402
import project  # noqa: E402

CHECKS = [check_braces, check_clock, check_cycles, check_errors, check_format, check_go_layers, check_layers,
          check_names, check_out_parameters, check_proofs, check_scripts, check_size, check_tests_listed, check_words]
LONG_BODY = '  x();\n' * 120
PROVEN = '| what | | shown by |\n|---|---|---|\n| a feature | {} | {} |\n'
PYTHON_TEST = {'tests/e2e/conformance/test_a.py': 'def test_a():\n    pass\n'}
GO_IMPORT = 'package a\n\nimport (\n\t"fmt"\n\n\t{}"github.com/penstock/penstock/gateway{}"\n)\n'
CPP_TEST = {'common/plum_test.cc': 'TEST_P(PlumTest, IsBlue) {}\n'}

# The smallest tree that each check refuses, and a word of what it says.
REFUSED = [
    (check_layers, {'common/a.h': '#include "storage/run_store.h"\n'}, 'wrong way'),
    (check_layers, {'common/a.h': '#include "kubeflow/pipelines/v2beta1/run.pb.h"\n'}, 'may not use the API protos'),
    (check_layers, {'storage/a.cc': '#include "scheduler/engine.h"\n'}, 'wrong way'),
    (check_layers, {'storage/a.cc': '#include "pipeline/schedule/cron.h"\n'}, 'wrong way'),
    (check_layers, {'storage/a.cc': '#include "ml_pipelines/pipeline_spec.pb.h"\n'}, 'may not use the pipeline format'),
    (check_layers, {'scheduler/plan/a.cc': '#include "storage/model.h"\n'}, 'wrong way'),
    (check_layers, {'executor/local/a.cc': '#include "scheduler/plan/plan.h"\n'}, 'wrong way'),
    (check_layers, {'scheduler/engine.cc': '#include "server/rpc.h"\n'}, 'wrong way'),
    (check_layers, {'scheduler/engine.cc': '#include "executor/local/local_executor.h"\n'}, 'wrong way'),
    (check_layers, {'executor/local/runner/a.cc': '#include "executor/executor.h"\n'}, 'wrong way'),
    (check_layers, {'executor/python/a.cc': '#include "executor/local/slots.h"\n'}, 'wrong way'),
    (check_layers, {'content/a.cc': '#include "executor/executor.h"\n'}, 'wrong way'),
    (check_layers, {'scheduler/engine.cc': '#include "content/local/local_content_store.h"\n'}, 'included only in'),
    (check_layers, {'server/handlers/content.cc': '#include "server/data_dir.h"\n'}, 'included only in'),
    (check_layers, {'pipeline/spec/a.cc': '#include "storage/model.h"\n'}, 'wrong way'),
    (check_layers, {'runs/a.cc': '#include "server/rpc.h"\n'}, 'wrong way'),
    (check_layers, {'server/handlers/run.cc': '#include "scheduler/engine.h"\n'}, 'wrong way'),
    (check_layers, {'server/rpc.cc': '#include "tests/support/matchers.h"\n'}, 'wrong way'),
    (check_layers, {'storage/a.cc': '#include "b.h"\n', 'storage/b.h': ''}, 'whole path'),
    (check_layers, {'scheduler/engine.cc': '#include <sqlite3.h>\n'}, 'may be included only in storage/sqlite/'),
    (check_layers, {'common/a.cc': '#include <grpcpp/grpcpp.h>\n'}, 'may be included only in common/side_program'),
    (check_layers, {'elsewhere/a.cc': '#include "common/clock.h"\n'}, 'no rule'),
    (check_go_layers, {'gateway/upload/a.go': GO_IMPORT.format('', '/legacy')}, 'a.go:6: import of legacy points'),
    (check_go_layers, {'gateway/streams/a.go': GO_IMPORT.format('', '/upload')}, 'wrong way'),
    (check_go_layers, {'gateway/guard/a.go': GO_IMPORT.format('settings ', '/config')}, 'wrong way'),
    (check_go_layers, {'gateway/limits/a_test.go': GO_IMPORT.format('', '/elsewhere')}, 'wrong way'),
    (check_go_layers, {'gateway/legacy/a.go': 'package a\n\nimport "github.com/penstock/penstock/gateway"\n'},
     'import of . points the wrong way'),
    (check_go_layers, {'gateway/elsewhere/a.go': 'package a\n'}, 'no row of GATEWAY'),
    (check_go_layers, {'cli/spec/a.go': GO_IMPORT.format('', '/commands').replace('gateway', 'cli')},
     'import of commands points'),
    (check_go_layers, {'cli/elsewhere/a.go': 'package a\n'}, 'no row of CLI'),
    (check_cycles, {'storage/a.h': '#include "storage/b.h"\n', 'storage/b.h': '#include "storage/a.h"\n'},
     'these include each other: storage/a storage/b;'),
    (check_cycles, {'storage/a.h': '', 'storage/a.cc': '#include "storage/a.h"\n#include "storage/b.h"\n',
                    'storage/b.h': '', 'storage/b.cc': '#include "storage/c.h"\n',
                    'storage/c.h': '#include "storage/a.h"\n'}, 'storage/a storage/b storage/c;'),
    (check_format, {'common/a.cc': 'int  main( ){return 0 ;}\n'}, 'clang-format -i common/a.cc'),
    (check_format, {'gateway/a.go': 'package main\nfunc  main( ) {}\n'}, 'gofmt -w gateway/a.go'),
    (check_size, {'common/a.cc': 'int x;\n' * 601}, '601 lines'),
    (check_size, {'common/a.cc': 'namespace n {\nvoid Long(int a) {\n' + LONG_BODY + '}\n}\n'}, 'a.cc:2: Long has 122'),
    (check_size, {'common/a.h': 'class A {\n  int B() const override {\n' + LONG_BODY + '  }\n};\n'}, 'B has 122'),
    (check_size, {'common/a.cc': 'A::A(int b) : b_{b} {\n' + LONG_BODY + '}\n'}, 'A::A has 122'),
    (check_size, {'gateway/a.go': 'package a\n\nfunc (s *S) Long(a int) {\n' + '\tx()\n' * 80 + '}\n'}, 'Long has 82'),
    (check_size, {'deploy/a.py': 'def long():\n' + '    x()\n' * 80}, 'long has 81'),
    (check_size, {'deploy/a.py': '#' * 121 + '\n'}, '121 columns'),
    (check_size, {'dashboard/src/a.ts': 'export function long(): void {\n' + '  x();\n' * 80 + '}\n'}, 'long has 82'),
    (check_size, {'dashboard/src/a.tsx': '// ' + 'a' * 120 + '\n'}, '123 columns'),
    (check_braces, {'storage/a.cc': 'if (x) {\n  return;\n}\n'}, 'storage/a.cc:1: the statement fits'),
    (check_braces, {'storage/a.cc': 'if (x)\n  return f(a,\n           b);\n'}, 'storage/a.cc:1: a statement'),
    (check_clock, {'storage/a.cc': 'auto t = absl::Now();\n'}, 'absl::Now('),
    (check_clock, {'storage/a.cc': 'auto t = std::chrono::system_clock::now();\n'}, 'system_clock'),
    (check_clock, {'scheduler/engine.cc': 'void f() { absl::SleepFor(d); }\n'}, 'SleepFor'),
    (check_clock, {'scheduler/engine.cc': 'void f() { ::usleep(1); }\n'}, 'usleep'),
    (check_clock, {'server/a.cc': 'int x = rand();\n'}, 'rand('),
    (check_clock, {'server/a.cc': 'absl::BitGen generator;\n'}, 'BitGen'),
    (check_out_parameters, {'storage/a.cc': 'bool Take(absl::string_view& rest);\n'}, 'rest: return the value'),
    (check_out_parameters, {'storage/a.h': 'void F(int a,\n       std::map<int, std::vector<int>>& b);\n'},
     'a.h:2: std::map'),
    (check_errors, {'runs/a.cc': 'return absl::NotFoundError("no such plum");\n'}, 'a.cc:1: absl::NotFoundError'),
    (check_errors, {'storage/a.cc': 'absl::Status(absl::StatusCode::kAborted, "");\n'}, 'name it'),
    (check_words, {'README.md': 'see /work/main/README\n'}, 'path of one machine'),
    (check_words, {'deploy/a.sh': 'cp x /root/.penstock\n'}, 'path of one machine'),
    (check_words, {'deploy/a.sh': 'curl https://pypi.org/simple\n'}, 'host of a package registry'),
    (check_words, {'docs/a.md': 'as issue #12 says\n'}, 'number of a ticket'),
    (check_words, {'common/a.cc': '// FIXME\n'}, 'unfinished work'),
    (check_names, {'common/RunStore.cc': ''}, 'lower_snake_case'),
    (check_names, {'common/a.cpp': ''}, 'end in .cc'),
    (check_names, {'common/a.h': 'int x;\n'}, '#pragma once'),
    (check_names, {'migrations/sqlite/0002_more.up.sql': ''}, 'no .down.sql'),
    (check_names, {'migrations/sqlite/more.down.sql': ''}, 'is named NNNN_what'),
    (check_names, {'migrations/sqlite/0002_a.down.sql': 'CREATE TABLE t (\n  created_at INTEGER\n);\n'}, 'created_at'),
    (check_tests_listed, {'CMakeLists.txt': '', 'common/CMakeLists.txt': '# ids_test.cc\n', 'common/ids_test.cc': ''},
     'no CMakeLists.txt builds it'),
    (check_tests_listed,
     {'common/CMakeLists.txt': 'penstock_test(t SOURCES more_ids_test.cc)\n', 'common/ids_test.cc': ''},
     'no CMakeLists.txt builds it'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': PROVEN.format('works', '-')}, 'the row "a feature" names no test'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': PROVEN.format('works', 'e2e:`test_a`')}, 'no file test_a.py'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': PROVEN.format('works', 'e2e:`test_a::test_b`'), **PYTHON_TEST},
     'no test test_a::test_b'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': PROVEN.format('works', '`AppleTest`')}, 'no suite AppleTest'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': PROVEN.format('works', '`PlumTest.IsRound`'), **CPP_TEST},
     'no test PlumTest.IsRound'),
    (check_proofs, {'docs/COMPATIBILITY.md': 'It is so. (gateway:`TestIt`)\n'}, 'no Go test TestIt'),
    (check_proofs, {'docs/COMPATIBILITY.md': 'It is. (`PlumTest.IsRound`)\n', **CPP_TEST}, 'no test PlumTest.IsRound'),
    (check_proofs, {'docs/PIPELINE_FORMAT.md': '', **PYTHON_TEST}, 'proves no row'),
    (check_scripts, {'deploy/a.sh': '#!/usr/bin/env bash\necho\n'}, 'set -euo pipefail'),
    (check_scripts, {'deploy/a.sh': '#!/bin/sh\nset -euo pipefail\n'}, 'scripts are for bash'),
    (check_scripts, {'deploy/a.sh': '#!/usr/bin/env bash\nset -euo pipefail\nif\n'}, 'syntax error'),
]

# What looks near to a fault and is none.
ACCEPTED = [
    (check_layers, {
        'pipeline/spec/a.cc': '#include <vector>\n#include "ml_pipelines/pipeline_spec.pb.h"\n',
        'scheduler/plan/a.cc': '#include "content/uri.h"\n#include "absl/time/time.h"\n',
        'scheduler/engine.cc': '#include "executor/executor.h"\n',
        'storage/a_test.cc': '#include "common/clock.h"\n#include "tests/fakes/simulated_clock.h"\n',
        'server/main.cc': '#include "scheduler/engine.h"\n#include "kubeflow/pipelines/v2beta1/run.grpc.pb.h"\n',
        'tests/api/a.cc': '#include "server/server.h"\n#include "scheduler/engine.h"\n'}),
    (check_go_layers, {
        'gateway/main.go': GO_IMPORT.format('', '/config'),
        'gateway/limits/a.go': GO_IMPORT.format('_ ', '/gen/kfp'),
        'gateway/apierror/a.go': 'package a\n\n// import "github.com/penstock/penstock/gateway/routes"\n',
        'gateway/gen/kfp/a.go': GO_IMPORT.format('', '/gen/penstock')}),
    (check_cycles, {
        'storage/a.h': '#include "storage/c.h"\n', 'storage/a.cc': '#include "storage/a.h"\n#include "storage/b.h"\n',
        'storage/b.h': '#include "storage/c.h"\n', 'storage/c.h': '#include <vector>\n#include "absl/time/time.h"\n',
        'storage/c_test.cc': '#include "storage/a.h"\n#include "storage/c.h"\n'}),
    (check_size, {
        'common/a.h': 'namespace n {\n' + 'class A {\n  void B();\n};\n' * 30 + '}\n',
        'common/b.cc': 'const int kTable[] = {\n' + '  1,\n' * 100 + '};\nvoid F() {\n  char c = \'{\';\n}\n',
        'common/c.cc': ('void F() {\n  x("}{");  // {\n}\n' * 40),
        'gateway/a.go': '// Code generated by x. DO NOT EDIT.\npackage a\n' + '\n' * 700,
        'gateway/b.go': 'package b\n\nfunc a() {}\n' + 'var x = 1\n' * 90 + '\nfunc c() {\n}\n'}),
    (check_braces, {'storage/a.cc': 'if (x) return;\nif (y) {\n  a();\n} else {\n  b();\n}\n'
                                    'for (;;) {\n  const auto z = c();\n}\n'}),
    (check_clock, {
        'common/clock.cc': 'absl::Time now = absl::Now();\n',
        'common/a.cc': '// absl::Now() is not for us\nconst char* kText = "rand()";\nint operand(int a);\n',
        'storage/a_test.cc': 'absl::SleepFor(d);\n'}),
    (check_out_parameters, {
        'storage/a.cc': 'void F(db::Tx& tx, const std::string& name, const Json& json, std::vector<int>* out);\n'
                        'void operator()(int64_t& number);\n// F(int& out)\n',
        'storage/b.cc': 'Visit(json, [&](int depth, Json& value) { value = depth; });\n'
                        'for (int& x : xs) F(a[0], x & y);\n'}),
    (check_errors, {
        'server/handlers/a.cc': 'return absl::InternalError("Penstock bug");  // not absl::NotFoundError("")\n'
                                'return error::PlumNotFound(id);\n',
        'server/errors.cc': 'return absl::NotFoundError("");\n',
        'storage/sqlite/a.cc': 'return absl::UnavailableError("");\n'}),
    (check_words, {'common/a.cc': '// "/root/dag/tasks", a/work/b, $HOME/work/x, "/work/"\n'}),
    (check_names, {'migrations/sqlite/0001_a.up.sql': 'created_at_us INTEGER NOT NULL\n',
                   'migrations/sqlite/0001_a.down.sql': '', 'README.md': ''}),
    (check_proofs, {
        'docs/COMPATIBILITY.md': 'Where `e2e:` names a file. `Plum.Round` is not meant.\n\n' + PROVEN.format(
            'x', 'e2e:`test_a::test_a`, `PlumTest.IsBlue`, gateway:`TestIt`') + '| another | `a|b` | the same |\n'
        '| **heading** | | |\n\n| no | proof |\n|---|---|\n| a | b |\n',
        'gateway/a_test.go': 'func TestIt(t *testing.T) {\n', **PYTHON_TEST, **CPP_TEST}),
    (check_tests_listed, {
        'common/CMakeLists.txt': 'penstock_test(a SOURCES ids_test.cc spec/parse_test.cc)\n',
        'common/ids_test.cc': '', 'common/spec/parse_test.cc': '',
        'storage/CMakeLists.txt': 'foreach(name run_store)\n  penstock_test(${name}_test SOURCES ${name}_test.cc)\n'
                                  'endforeach()\n',
        'storage/run_store_test.cc': ''}),
]


def tree(folder: pathlib.Path, content: Dict[str, str]) -> pathlib.Path:
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if name.endswith('.sh'):
            path.chmod(0o755)
    if not (folder / '.clang-format').exists():
        (folder / '.clang-format').write_text((project.ROOT / '.clang-format').read_text())
    return folder


def name_of(value: object) -> str:
    return value.__name__ if hasattr(value, '__name__') else ''


@pytest.mark.parametrize('check', CHECKS, ids=name_of)
def test_the_project_passes(check):
    found = check.problems(project.ROOT)
    assert not found, '\n' + '\n'.join(found)


@pytest.mark.parametrize('check, content, word', REFUSED, ids=name_of)
def test_refuses(check, content, word, tmp_path):
    found = check.problems(tree(tmp_path, content))
    assert any(word in problem for problem in found), found


@pytest.mark.parametrize('check, content', ACCEPTED, ids=name_of)
def test_accepts(check, content, tmp_path):
    assert check.problems(tree(tmp_path, content)) == []


def test_each_check_is_shown_to_fail():
    assert {check for check, _, _ in REFUSED} == set(CHECKS)
    written = {path.stem for path in pathlib.Path(__file__).parent.glob('check_*.py')}
    assert written == {name_of(check) for check in CHECKS}
