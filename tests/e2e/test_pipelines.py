"""Pipelines and versions through the unmodified kfp.Client."""

import pathlib

import kfp_server_api
import pytest
import yaml
from kfp import compiler, dsl

import specs


@dsl.component
def add(a: int, b: int) -> int:
    return a + b


@dsl.pipeline(name='adding', description='Adds.')
def adding(a: int = 1, b: int = 2):
    add(a=a, b=b)


@pytest.fixture
def package(tmp_path: pathlib.Path) -> str:
    path = tmp_path / 'adding.yaml'
    compiler.Compiler().compile(adding, str(path))
    return str(path)


def refused(status: int):
    """Expects a call of the SDK to be answered with that status; the error is in `.value`."""
    class Refused:
        def __enter__(self):
            self.context = pytest.raises(kfp_server_api.ApiException)
            self.info = self.context.__enter__()
            return self.info

        def __exit__(self, *details):
            handled = self.context.__exit__(*details)
            assert self.info.value.status == status, self.info.value.body
            return handled
    return Refused()


def test_upload_get_list_delete(client, package, unique):
    name = unique('pipeline')
    uploaded = client.upload_pipeline(package, pipeline_name=name, description='Adds two numbers.')
    assert uploaded.display_name == name and uploaded.description == 'Adds two numbers.'
    assert client.get_pipeline_id(name) == uploaded.pipeline_id

    got = client.get_pipeline(uploaded.pipeline_id)
    assert (got.pipeline_id, got.display_name, got.description) == (uploaded.pipeline_id, name, 'Adds two numbers.')
    assert got.created_at == uploaded.created_at

    versions = client.list_pipeline_versions(uploaded.pipeline_id)
    assert [version.display_name for version in versions.pipeline_versions] == [name]
    assert versions.total_size == 1
    version = versions.pipeline_versions[0]
    one = client.get_pipeline_version(uploaded.pipeline_id, version.pipeline_version_id)
    assert one.pipeline_spec == yaml.safe_load(pathlib.Path(package).read_text())

    with refused(400):
        client.delete_pipeline(uploaded.pipeline_id)  # it still has a version
    client.delete_pipeline_version(uploaded.pipeline_id, version.pipeline_version_id)
    client.delete_pipeline(uploaded.pipeline_id)
    with refused(404):
        client.get_pipeline(uploaded.pipeline_id)
    assert client.get_pipeline_id(name) is None


def test_name_from_the_spec(server, make_server, package):
    fresh = make_server().start()
    assert fresh.client().upload_pipeline(package).display_name == 'adding'


def test_versions(client, package, unique):
    name = unique('pipeline')
    pipeline = client.upload_pipeline_from_pipeline_func(adding, pipeline_name=name)
    second = client.upload_pipeline_version(package, pipeline_version_name='second', pipeline_id=pipeline.pipeline_id,
                                            description='The second.')
    third = client.upload_pipeline_version_from_pipeline_func(adding, pipeline_version_name='third', pipeline_name=name)
    assert second.pipeline_id == third.pipeline_id == pipeline.pipeline_id
    assert second.description == 'The second.'
    assert second.pipeline_spec['pipelineInfo']['name'] == 'adding'

    listed = client.list_pipeline_versions(pipeline.pipeline_id, sort_by='created_at desc', page_size=2)
    assert [version.display_name for version in listed.pipeline_versions] == ['third', 'second']
    assert listed.total_size == 3
    rest = client.list_pipeline_versions(pipeline.pipeline_id, sort_by='created_at desc', page_size=2,
                                         page_token=listed.next_page_token)
    assert [version.display_name for version in rest.pipeline_versions] == [name]
    assert not rest.next_page_token

    with refused(409) as error:
        client.upload_pipeline_version(package, pipeline_version_name='second', pipeline_id=pipeline.pipeline_id)
    assert 'second' in error.value.body
    client.delete_pipeline_version(pipeline.pipeline_id, second.pipeline_version_id)
    with refused(404):
        client.get_pipeline_version(pipeline.pipeline_id, second.pipeline_version_id)
    assert client.list_pipeline_versions(pipeline.pipeline_id).total_size == 2


def test_duplicate_name(client, package, unique):
    name = unique('pipeline')
    client.upload_pipeline(package, pipeline_name=name)
    with refused(409) as error:
        client.upload_pipeline(package, pipeline_name=name)
    assert name in error.value.body


def test_list_pages_through_everything_once(make_server, package):
    own = make_server().start()
    client = own.client()
    names = [f'p{number:02}' for number in range(7)]
    for name in reversed(names):
        client.upload_pipeline(package, pipeline_name=name)
    seen, token = [], ''
    while True:
        page = client.list_pipelines(page_token=token, page_size=3, sort_by='name')
        assert page.total_size == 7
        seen += [pipeline.display_name for pipeline in page.pipelines]
        token = page.next_page_token
        if not token:
            break
    assert seen == names


def test_list_filter_as_the_sdk_sends_it(client, package, unique):
    name = unique('filtered')
    uploaded = client.upload_pipeline(package, pipeline_name=name)
    predicate = '{"predicates": [{"operation": "IS_SUBSTRING", "key": "name", "stringValue": "%s"}]}' % name[3:]
    found = client.list_pipelines(filter=predicate)
    assert [pipeline.pipeline_id for pipeline in found.pipelines] == [uploaded.pipeline_id]


def test_unknown_ids(client):
    unknown = '01234567-0123-0123-0123-0123456789ab'
    for call in (lambda: client.get_pipeline(unknown), lambda: client.delete_pipeline(unknown),
                 lambda: client.list_pipeline_versions(unknown), lambda: client.get_pipeline_version(unknown, unknown),
                 lambda: client.delete_pipeline_version(unknown, unknown)):
        with refused(404):
            call()


def test_generated_client_patches_and_gets_by_name(client, package, unique):
    """The calls that kfp.Client has no method for."""
    api = client._pipelines_api
    name = unique('pipeline')
    pipeline = api.pipeline_service_create_pipeline(
        {'name': name, 'display_name': 'Shown', 'description': 'd', 'tags': {'team': 'red', 'stage': 'dev'}})
    assert (pipeline.name, pipeline.display_name, pipeline.tags) == (name, 'Shown', {'team': 'red', 'stage': 'dev'})
    assert api.pipeline_service_get_pipeline_by_name(name).pipeline_id == pipeline.pipeline_id

    changed = api.pipeline_service_update_pipeline(pipeline.pipeline_id,
                                                   {'display_name': 'Other', 'tags': {'team': 'blue'}})
    assert (changed.name, changed.display_name, changed.description) == (name, 'Other', 'd')
    assert changed.tags == {'team': 'blue'}
    kept = api.pipeline_service_update_pipeline(pipeline.pipeline_id, {'display_name': 'Third'})
    assert (kept.display_name, kept.tags) == ('Third', {'team': 'blue'})
    assert not api.pipeline_service_update_pipeline(pipeline.pipeline_id, {'tags': {}}).tags

    by_tag = '{"predicates": [{"operation": "EQUALS", "key": "tags.team", "string_value": "blue"}]}'
    api.pipeline_service_update_pipeline(pipeline.pipeline_id, {'tags': {'team': 'blue', 'id': name}})
    found = api.pipeline_service_list_pipelines(filter=by_tag)
    assert pipeline.pipeline_id in [one.pipeline_id for one in found.pipelines]

    client.upload_pipeline_version(package, pipeline_version_name='v', pipeline_id=pipeline.pipeline_id)
    api.pipeline_service_delete_pipeline(pipeline.pipeline_id, cascade=True)
    with refused(404):
        client.get_pipeline(pipeline.pipeline_id)


def test_spec_with_platform_document(client, tmp_path, unique):
    base = specs.noop()
    platform = {'platforms': {'kubernetes': {'deploymentSpec': {'executors': {
        'exec-only': {'imagePullPolicy': 'Always'}}}}}}
    path = tmp_path / 'two.yaml'
    path.write_text(yaml.safe_dump_all([base, platform], sort_keys=True))
    pipeline = client.upload_pipeline(str(path), pipeline_name=unique('platform'))
    version = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0]
    assert version.pipeline_spec == {'pipeline_spec': base, 'platform_spec': platform}
