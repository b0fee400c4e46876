"""The OpenAPI document as the server's own word: random requests that it allows, and others, get answers that it names.

The seed is printed; give it again with PENSTOCK_SEED, and more requests with PENSTOCK_STEPS.
"""

import os
import random
import re

import pytest

schemathesis = pytest.importorskip('schemathesis', reason='schemathesis is not installed: see tests/requirements.txt')

import hypothesis  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance, response_schema_conformance, status_code_conformance)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Its own pytest plugin is not used: it wants what newer versions of pytest do not have.
EXAMPLES = int(os.environ.get('PENSTOCK_STEPS', 15))
# Answer 501, and say so, or go on until something changes.
LEFT_OUT = re.compile('/visualizations/|/jobs/|:watch$')


def with_odd_numbers(schema):
    """The schema, in which NaN and infinities, which JSON writes as texts, are numbers: OpenAPI 2 cannot say so."""
    if isinstance(schema, list):
        return [with_odd_numbers(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get('type') == 'number':
        return {}
    return {name: with_odd_numbers(one) for name, one in schema.items()}


@pytest.fixture(scope='session')
def document(server):
    found = server.request('GET', '/openapi.json').json()
    found['definitions'] = with_odd_numbers(found['definitions'])
    found['paths'] = {path: item for path, item in found['paths'].items() if not LEFT_OUT.search(path)}
    schema = schemathesis.openapi.from_dict(found)
    schema.config.update(base_url=server.url)
    return schema


def try_out(operation, seed):
    """Random requests of one operation, those that the document allows."""
    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=EXAMPLES, deadline=None, database=None, print_blob=True,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy())
    def answers(case):
        answer = case.call(timeout=30)
        case.validate_response(answer, checks=CHECKS)
    answers()


@pytest.mark.slow
def test_every_answer_is_in_the_document(document):
    seed = int(os.environ.get('PENSTOCK_SEED', random.randrange(2**32)))
    print(f'PENSTOCK_SEED={seed}')
    wrong, count = [], 0
    for found in document.get_all_operations():
        operation = found.ok()
        count += 1
        try:
            try_out(operation, seed)
        except BaseException as error:  # all of them are wanted; groups of failures are no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            wrong.append(f'{operation.label}: {error}')
    assert count > 40
    assert not wrong, '\n\n'.join(wrong)


def test_the_server_is_well_afterwards(server):
    server.ok('GET', '/healthz')
