"""What KFP's web UI asks for, page state by page state, and content in which each of them shows something."""

import dataclasses
import json
import re
import urllib.parse
from typing import Any, Dict, List, Tuple

import requests
from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

import specs
from penstock import Server

ODD_TASK = 'Odd täsk & 100%'  # a name that the SDK does not write, and others do


@dsl.component
def train(n: int, metrics: Output[Metrics], roc: Output[ClassificationMetrics], matrix: Output[ClassificationMetrics],
          data: Output[Dataset], model: Output[Model]) -> int:
    print('training starts')
    metrics.log_metric('accuracy', 0.9)
    metrics.log_metric('loss', 0.5)
    roc.log_roc_curve([0.0, 1.0], [0.0, 1.0], [1.0, 0.1])
    matrix.log_confusion_matrix(['cat', 'dog'], [[10, 2], [3, 20]])
    with open(data.path, 'w') as file:
        file.write('a,b\n1,2\n' * 100)
    data.metadata['columns'] = ['a', 'b']
    with open(model.path, 'wb') as file:
        file.write(bytes(range(256)) * 4)
    return n + 1


@dsl.component
def report(html: Output[HTML], text: Output[Markdown], folder: Output[Artifact]):
    import os
    with open(html.path, 'w') as file:
        file.write('<h1>HTML of a task</h1>')
    with open(text.path, 'w') as file:
        file.write('# Markdown of a task\n')
    os.makedirs(folder.path + '/sub')
    for name in ('one.txt', 'sub/two.txt'):
        with open(f'{folder.path}/{name}', 'w') as file:
            file.write(name)
    os.symlink('/etc/passwd', folder.path + '/link')


@dsl.component
def use(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.readline()


@dsl.component
def double(n: int) -> int:
    print('doubles', n)
    return 2 * n


@dsl.component
def fail() -> int:
    raise ValueError('this task fails on purpose')


@dsl.component
def clean() -> str:
    return 'cleaned'


@dsl.pipeline(name='inner')
def inner(n: int) -> int:
    return double(n=n).output


@dsl.pipeline(name='everything')
def everything(uri: str, n: int = 2):
    with dsl.ExitHandler(clean()):
        made = train(n=n).set_display_name('Train it')
        report()
        use(data=made.outputs['data'])
        with dsl.ParallelFor([1, 2]) as item:
            double(n=item)
        with dsl.If(n > 100):
            double(n=n)
        with dsl.Else():
            double(n=0)
        inner(n=n)
        use(data=dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=False).output)


@dsl.pipeline(name='fails')
def fails():
    double(n=fail().output)


@dsl.pipeline(name='hello')
def hello(n: int = 1) -> int:
    return double(n=n).output


@dataclasses.dataclass
class Content:
    """Ids, by the words that stand in braces in paths."""
    ids: Dict[str, str]
    runs: Tuple[str, ...] = ('all', 'cached', 'failed', 'terminated', 'spec', 'archived')


def everything_spec() -> Dict[str, Any]:
    spec = specs.compiled(everything)
    tasks = spec['components']['comp-exit-handler-1']['dag']['tasks']
    tasks[ODD_TASK] = tasks.pop('report')
    return spec


def upload(server: Server, path: str, spec: Dict[str, Any], **query: str) -> Dict[str, Any]:
    return server.ok('POST', f'/pipelines/{path}', params=query,
                     files={'uploadfile': ('pipeline.yaml', json.dumps(spec).encode())})


def make_content(server: Server, folder: Any, name: str) -> Content:
    """Everything that the pages show, under names that begin with `name`."""
    table = folder / 'imported.csv'
    table.write_text('x,y\n1,2\n')
    ids = {'experiment': server.ok('POST', '/experiments', json={'display_name': name})['experiment_id']}
    for key, spec in (('all', everything_spec()), ('fails', specs.compiled(fails)), ('hello', specs.compiled(hello))):
        made = upload(server, 'upload', spec, name=f'{name}-{key}')
        ids[f'p_{key}'] = made['pipeline_id']
        versions = server.ok('GET', f'/pipelines/{made["pipeline_id"]}/versions?page_size=1&sort_by=created_at desc')
        ids[f'v_{key}'] = versions['pipeline_versions'][0]['pipeline_version_id']

    def run(key: str, title: str, **parameters: Any) -> str:
        return server.ok('POST', '/runs', json={
            'display_name': f'{name} {title}', 'experiment_id': ids['experiment'],
            'pipeline_version_reference': {'pipeline_id': ids[f'p_{key}'], 'pipeline_version_id': ids[f'v_{key}']},
            'runtime_config': {'parameters': parameters}})['run_id']

    ids['r_all'] = run('all', 'all', uri=str(table))
    server.succeed(ids['r_all'], 180)
    ids['r_cached'] = run('all', 'cached', uri=str(table))
    server.succeed(ids['r_cached'], 180)
    ids['r_failed'] = run('fails', 'failed')
    assert server.finish(ids['r_failed'])['state'] == 'FAILED'
    gate = folder / 'gate'
    held = specs.shell_pipeline({'first': specs.Shell(f'while [ ! -e {gate} ]; do sleep 0.05; done'),
                                 'then': specs.Shell('exit 0', after=['first'])})
    ids['r_terminated'] = server.create_run(held)
    server.ok('POST', f'/runs/{ids["r_terminated"]}:terminate')
    server.finish(ids['r_terminated'])
    ids['r_spec'] = server.create_run(specs.compiled(hello), n=3)
    server.succeed(ids['r_spec'])
    ids['r_archived'] = run('hello', 'archived', n=4)
    server.succeed(ids['r_archived'])
    server.ok('POST', f'/runs/{ids["r_archived"]}:archive')
    ids['e_archived'] = server.ok('POST', '/experiments', json={'display_name': f'{name}-old'})['experiment_id']
    server.ok('POST', f'/experiments/{ids["e_archived"]}:archive')
    recurring = {'display_name': f'{name} hourly', 'experiment_id': ids['experiment'], 'mode': 'ENABLE',
                 'max_concurrency': '1', 'trigger': {'cron_schedule': {'cron': '0 0 * * * *'}},
                 'runtime_config': {'parameters': {'n': 5}},
                 'pipeline_version_reference': {'pipeline_id': ids['p_hello'], 'pipeline_version_id': ids['v_hello']}}
    ids['recurring'] = server.ok('POST', '/recurringruns', json=recurring)['recurring_run_id']
    return Content(ids)


# --- Pages ---

# ~ stands for /apis/v2beta1 and ~1 for /apis/v1beta1, a word in braces for an id of the content, and & with a word for
# one of QUERIES. Both UIs ask these, on each page and in each state of one.
_SHELL = ['~/healthz', '/system/cluster-name', '/system/project-id']
_PIPELINE = ['~1/pipelines/{p_all}', '~/pipelines/{p_all}', '~1/pipeline_versions/{v_all}',
             '~/pipelines/{p_all}/versions/{v_all}', '~1/pipeline_versions?&of_pipeline',
             '~/pipelines/{p_all}/versions?&newest']
_RUNS = ['~/experiments', '~/pipelines/{p_all}/versions/{v_all}']
_EXPERIMENT = ['~/experiments/{experiment}', '~/recurringruns?&of_experiment', '~/runs?&list&of_experiment', *_RUNS]
_NEW_RUN = ['~/pipelines/{p_all}', '~/pipelines/{p_all}/versions/{v_all}', '~1/pipeline_versions/{v_all}/templates',
            '~/experiments/{experiment}']
PAGES: Dict[str, List[str]] = {
    'start': ['~/pipelines?&sample'],
    'pipelines': ['~/pipelines?&list'],
    'pipelines, one open': ['~/pipelines?&list', '~/pipelines/{p_all}/versions?&list'],
    'pipelines, filtered': ['~/pipelines?&named'],
    'a pipeline': _PIPELINE,
    'a pipeline without a version': [path for path in _PIPELINE if '{v_all}' not in path],
    'a pipeline of a run': ['~1/runs/{r_all}', '~/runs/{r_all}', '~/pipelines/{p_all}/versions/{v_all}',
                            '~/experiments/{experiment}'],
    'a pipeline that a run has itself': ['~1/runs/{r_spec}', '~/runs/{r_spec}'],
    'a pipeline of a recurring run': ['~1/jobs/{recurring}', '~/recurringruns/{recurring}',
                                      '~/experiments/{experiment}'],
    'a new version': ['~/pipelines/{p_all}'],
    'runs': ['~/runs?&active', *_RUNS],
    'runs, by time': ['~/runs?&oldest', *_RUNS],
    'archived runs': ['~/runs?&archived', *_RUNS],
    'experiments': ['~/experiments?&active', '~/runs?&last&of_experiment'],
    'experiments, one open': ['~/experiments?&active', '~/runs?&list&of_experiment', *_RUNS],
    'archived experiments': ['~/experiments?&archived'],
    'an experiment': _EXPERIMENT,
    'an experiment, its recurring runs': [*_EXPERIMENT, '~/recurringruns?&list&of_experiment'],
    'a new run': _NEW_RUN,
    'a new run, what to choose from': ['~/pipelines?&list', '~/pipelines/{p_all}/versions?&list',
                                       '~/experiments?&active', *_NEW_RUN],
    'a clone of a run': ['~/runs/{r_all}', '~/pipelines/{p_all}/versions/{v_all}',
                         '~1/pipeline_versions/{v_all}/templates'],
    'a clone of a run that has its pipeline itself': ['~/runs/{r_spec}'],
    'a clone of a recurring run': ['~/recurringruns/{recurring}', '~/pipelines/{p_hello}/versions/{v_hello}',
                                   '~1/pipeline_versions/{v_hello}/templates'],
    'recurring runs': ['~/recurringruns?&list', '~/experiments'],
    'a recurring run': ['~/recurringruns/{recurring}', '~/pipelines/{p_hello}/versions/{v_hello}',
                        '~/experiments/{experiment}'],
    'a comparison': ['~1/runs/{r_all}', '~1/runs/{r_cached}', '~/runs/{r_all}', '~/runs/{r_cached}', *_RUNS],
}
MISSING = ['~/runs/{none}', '~1/runs/{none}', '~1/pipelines/{none}', '~/artifacts/{none}']


def run_page(run: str) -> List[str]:
    """What both ask for on the page of a run before they read its tasks."""
    return ['/visualizations/allowed', f'~/runs/{{r_{run}}}', f'~1/runs/{{r_{run}}}']


def _filter(*predicates: Dict[str, str]) -> str:
    return urllib.parse.quote(json.dumps({'predicates': list(predicates)}))  # which the query encodes again


_ARCHIVED = {'key': 'storage_state', 'string_value': 'ARCHIVED'}
_LIST = {'page_token': '', 'page_size': '10', 'sort_by': 'created_at desc', 'filter': ''}
QUERIES: Dict[str, Dict[str, str]] = {
    'list': _LIST,
    'sample': {'page_size': '10', 'filter': _filter({'key': 'name', 'operation': 'EQUALS', 'string_value': 'none'})},
    'named': {**_LIST, 'filter': _filter({'key': 'name', 'operation': 'IS_SUBSTRING', 'string_value': '-all'})},
    'newest': {'page_size': '50', 'sort_by': 'created_at desc'},
    'of_pipeline': {'resource_key.type': 'PIPELINE', 'resource_key.id': '{p_all}', 'page_size': '50',
                    'sort_by': 'created_at desc'},
    'of_experiment': {'experiment_id': '{experiment}'},
    'last': {'page_size': '5', 'sort_by': 'created_at desc', 'filter': ''},
    'active': {**_LIST, 'filter': _filter({**_ARCHIVED, 'operation': 'NOT_EQUALS'})},
    'archived': {**_LIST, 'filter': _filter({**_ARCHIVED, 'operation': 'EQUALS'})},
    'oldest': {**_LIST, 'sort_by': 'created_at asc'},
}

# The fields that the pages read, of what a path gives. Of a list those of each of its items, which have to be some.
_RUN = 'run_id display_name state created_at experiment_id'
_VERSION = 'pipeline_id pipeline_version_id name display_name created_at'
FIELDS: List[Tuple[str, str, str]] = [  # what the path looks like, the list, the fields
    ('~/healthz', '', 'apiServerTagName apiServerCommitHash apiServerReady apiServerMultiUser pipelineStore'),
    (r'~/pipelines', 'pipelines', 'pipeline_id name display_name created_at'),
    (r'~/pipelines/[^/]+', '', 'pipeline_id name display_name created_at'),
    (r'~/pipelines/[^/]+/versions', 'pipeline_versions', _VERSION),
    (r'~/pipelines/[^/]+/versions/[^/]+', '', _VERSION + ' pipeline_spec'),
    (r'~/experiments', 'experiments', 'experiment_id display_name created_at storage_state'),
    (r'~/experiments/[^/]+', '', 'experiment_id display_name created_at storage_state'),
    (r'~/runs', 'runs', _RUN),
    (r'~/runs/[^/]+', '', _RUN + ' state_history finished_at storage_state'),
    (r'~/recurringruns', 'recurringRuns', 'recurring_run_id display_name status trigger experiment_id'),
    (r'~/recurringruns/[^/]+', '', 'recurring_run_id display_name status trigger max_concurrency runtime_config'),
    (r'~/artifacts', 'artifacts', 'artifact_id name type created_at'),
    (r'~/artifacts/[^/]+', '', 'artifact_id name type created_at'),
    (r'~1/pipelines/[^/]+', '', 'id name'),
    (r'~1/pipeline_versions', 'versions', 'id name'),
    (r'~1/pipeline_versions/[^/]+', '', 'id name'),
    (r'~1/pipeline_versions/[^/]+/templates', '', 'template'),
    (r'~1/runs/[^/]+', '', 'run pipeline_runtime'),
    (r'~1/jobs/[^/]+', '', 'id name'),
    (r'~1/experiments/[^/]+', '', 'id name'),
]


class Pages:
    """Asks as the browser code of a page does."""

    def __init__(self, server: Server, content: Content) -> None:
        self.root = server.url
        self.ids = content.ids

    def get(self, path: str, **query: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url(path), params=query, timeout=60, headers={'Sec-Fetch-Site': 'same-origin'})

    def url(self, path: str) -> str:
        path, _, words = path.partition('?')
        query: Dict[str, str] = {}
        for word in filter(None, words.split('&')):
            query.update(QUERIES[word])
        full = path.replace('~1', '/apis/v1beta1').replace('~', '/apis/v2beta1').format(**self.ids)
        return self.root + full + ('?' + urllib.parse.urlencode(
            {key: value.format(**self.ids) if key.endswith('id') else value for key, value in query.items()})
            if query else '')

    def json(self, path: str) -> Any:
        """The answer, which has to be 200 and to have the fields that pages read."""
        answer = self.get(path)
        assert answer.status_code == 200, f'{path}: {answer.status_code} {answer.text}'
        assert answer.headers['Content-Type'].startswith('application/json'), path
        found = answer.json()
        plain = path.partition('?')[0].format(**self.ids)
        for shape, key, fields in FIELDS:
            if not re.fullmatch(shape, plain):
                continue
            items = found.get(key, []) if key else [found]
            assert items or '&sample' in path, f'{path}: {found}'
            for item in items:
                assert set(fields.split()) <= set(item), f'{path}: {set(fields.split()) - set(item)} of {item}'
        return found

    def show(self, paths: List[str]) -> None:
        """Everything that a state asks for."""
        for path in [*_SHELL, *paths]:
            if path.startswith('~'):
                self.json(path)
                continue
            answer = self.get(path)
            assert answer.status_code == 200 and answer.headers['Content-Type'].startswith('text/plain'), path
            assert answer.text == ('false' if path == '/visualizations/allowed' else ''), path

    def log(self, run: str, pod: str) -> str:
        """What the page of logs shows."""
        answer = self.get('/k8s/pod/logs', podname=pod, runid=self.ids[run], createdat='2026-11-29')
        assert answer.status_code == 200 and answer.headers['Content-Type'].startswith('text/plain'), answer.text
        return answer.text


def asked_by_2_17(uri: str) -> Dict[str, str]:
    """Where the UI of 2.17 looks for what lies at a URI."""
    scheme, bucket, key = re.fullmatch(r'(https?)://([^/]+)/(.+)', uri).groups()
    return {'source': scheme, 'bucket': bucket, 'key': key}


def asked_without_mlmd(uri: str) -> Dict[str, str]:
    """The same of the later UI: it takes only what JavaScript would have encoded so."""
    found = asked_by_2_17(uri)
    key = urllib.parse.unquote(found['key'], errors='strict')
    assert urllib.parse.quote(key, safe="-_.!~*'();/:@&=+$,") == found['key']
    more = {} if key == found['key'] else {'uriKey': found['key']}
    return {**found, 'key': key, 'keyEncoding': 'storage', **more}
