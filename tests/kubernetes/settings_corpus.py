"""Prints what kfp-kubernetes writes for a task, one line of JSON for each of its functions: {"name", "settings"}.

The output is executor/kube/podspec/testdata/settings.jsonl, of which the Go tests make pods. `inputs` takes from inputs
of the pipeline what can be taken from there, and `outputs` from another task.
"""

import inspect
import json
import pathlib
import tempfile
from typing import Any, Callable, Dict, Iterator, Optional

import yaml
from kfp import compiler
from kfp import dsl
from kfp import kubernetes

Configure = Callable[..., Any]
CASES: Dict[str, Configure] = {}


def case(configure: Configure) -> Configure:
    CASES[configure.__name__] = configure
    return configure


@dsl.component
def work():
    pass


@dsl.component
def choose() -> str:
    return 'chosen'


# --- Literals ---


@case
def use_secret_as_volume(task):
    kubernetes.use_secret_as_volume(task, 'my-secret', '/secret')


@case
def use_secret_as_volume_twice(task):
    kubernetes.use_secret_as_volume(task, 'db.example.com', '/one', optional=True)
    kubernetes.use_secret_as_volume(task, 'db.example.com', '/two')
    kubernetes.use_secret_as_volume(task, 'other', '/three', optional=True)


@case
def use_secret_as_env(task):
    kubernetes.use_secret_as_env(task, 'my-secret', {'user': 'USER_NAME', 'password': 'PASSWORD'})
    kubernetes.use_secret_as_env(task, 'more', {'token': 'TOKEN'}, optional=True)


@case
def mount_pvc(task):
    kubernetes.mount_pvc(task, 'my-claim', '/data')
    kubernetes.mount_pvc(task, 'my-claim', '/part', sub_path='models/a')


@case
def add_node_selector(task):
    kubernetes.add_node_selector(task, 'pool', 'gpu')
    kubernetes.add_node_selector(task, 'example.com/zone', 'a')


@case
def add_node_selector_json(task):
    kubernetes.add_node_selector(task, 'pool', 'hidden')
    kubernetes.add_node_selector_json(task, {'disk_type': 'ssd'})


@case
def add_pod_label_and_annotation(task):
    kubernetes.add_pod_label(task, 'team', 'a')
    kubernetes.add_pod_label(task, 'pipeline/runid', 'theirs')
    kubernetes.add_pod_annotation(task, 'example.com/note', 'costs $5')
    kubernetes.add_pod_annotation(task, 'sidecar.istio.io/inject', 'true')


@case
def set_image_pull_secrets(task):
    kubernetes.set_image_pull_secrets(task, ['one', 'two'])
    kubernetes.set_image_pull_secrets(task, ['two', 'three'])


@case
def set_image_pull_policy(task):
    kubernetes.set_image_pull_policy(task, 'Always')


@case
def use_config_map_as_volume(task):
    kubernetes.use_config_map_as_volume(task, 'my-map', '/map')
    kubernetes.use_secret_as_volume(task, 'my-map', '/secret', optional=True)


@case
def use_config_map_as_env(task):
    kubernetes.use_config_map_as_env(task, 'my-map', {'key.one': 'ONE'}, optional=True)


@case
def set_timeout(task):
    kubernetes.set_timeout(task, 60)


@case
def use_field_path_as_env(task):
    kubernetes.use_field_path_as_env(task, 'NODE', 'spec.nodeName')
    kubernetes.use_field_path_as_env(task, 'RUN', "metadata.labels['pipeline/runid']")


@case
def add_toleration(task):
    kubernetes.add_toleration(task, 'gpu', 'Equal', 'yes', 'NoSchedule')
    kubernetes.add_toleration(task, 'spot', 'Exists', effect='NoExecute', toleration_seconds=0)
    kubernetes.add_toleration(task, operator='Exists')


@case
def add_toleration_json(task):
    kubernetes.add_toleration_json(task, {'key': 'gpu', 'operator': 'Exists', 'effect': 'NoExecute',
                                          'toleration_seconds': 300})
    kubernetes.add_toleration_json(task, [{}, {'key': 'spot', 'operator': 'Exists'}])


@case
def add_ephemeral_volume(task):
    kubernetes.add_ephemeral_volume(task, 'scratch', '/scratch', ['ReadWriteOnce'], '5Gi',
                                    labels={'team': 'a'}, annotations={'example.com/note': 'mine'})
    kubernetes.add_ephemeral_volume(task, 'fast', '/fast', ['ReadWriteOnce', 'ReadOnlyMany'], '64K',
                                    storage_class_name='ssd')


@case
def add_ephemeral_volume_without_class(task):
    kubernetes.add_ephemeral_volume(task, 'scratch', '/scratch', ['ReadWriteMany'], '5Gi', storage_class_name='')


@case
def add_node_affinity(task):
    kubernetes.add_node_affinity(task, [{'key': 'disk', 'operator': 'In', 'values': ['ssd', 'nvme']},
                                        {'key': 'gpu', 'operator': 'Exists'}])
    kubernetes.add_node_affinity(task, match_fields=[{'key': 'metadata.name', 'operator': 'In', 'values': ['n1']}])
    kubernetes.add_node_affinity(task, [{'key': 'cores', 'operator': 'Gt', 'values': ['8']}], weight=5)
    kubernetes.add_node_affinity(task)


@case
def add_node_affinity_json(task):
    term = {'matchExpressions': [{'key': 'disk', 'operator': 'In', 'values': ['ssd']}]}
    kubernetes.add_node_affinity(task, [{'key': 'gpu', 'operator': 'Exists'}])
    kubernetes.add_node_affinity_json(task, {
        'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [term]},
        'preferredDuringSchedulingIgnoredDuringExecution': [{'weight': 100, 'preference': term}]})


@case
def empty_dir_mount(task):
    kubernetes.empty_dir_mount(task, 'cache', '/cache')
    kubernetes.empty_dir_mount(task, 'shm', '/dev/shm', medium='Memory', size_limit='1Gi')


@case
def set_security_context(task):
    kubernetes.set_security_context(task, run_as_user=1000, run_as_group=0, run_as_non_root=True)


@case
def set_security_context_root(task):
    kubernetes.set_security_context(task, run_as_user=0)


@case
def order_and_clashes(task):
    """Variables and volumes in KFP's order, whatever that of the calls."""
    kubernetes.use_field_path_as_env(task, 'A', 'metadata.name')
    kubernetes.use_config_map_as_env(task, 'map', {'a': 'A', 'b': 'B'})
    kubernetes.use_secret_as_env(task, 'secret', {'b': 'B', 'c': 'C'})
    kubernetes.empty_dir_mount(task, 'data', '/e')
    kubernetes.use_config_map_as_volume(task, 'data', '/c')
    kubernetes.use_secret_as_volume(task, 'data', '/s')
    kubernetes.mount_pvc(task, 'data', '/p')


# --- What is known only when the pipeline runs ---


@case
def inputs(task, secret: str, claim: str, config: str, selector: dict, toleration: dict, tolerations: list,
           affinity: dict):
    kubernetes.use_secret_as_volume(task, secret, '/secret')
    kubernetes.use_secret_as_env(task, secret, {'k': 'FROM_SECRET'})
    kubernetes.mount_pvc(task, claim, '/data')
    kubernetes.use_config_map_as_volume(task, config, '/config')
    kubernetes.use_config_map_as_env(task, config, {'k': 'FROM_MAP'})
    kubernetes.set_image_pull_secrets(task, [secret])
    kubernetes.add_node_selector_json(task, selector)
    kubernetes.add_toleration_json(task, toleration)
    kubernetes.add_toleration_json(task, tolerations)
    kubernetes.add_node_affinity_json(task, affinity)


@case
def inputs_without_value(task, no_text: Optional[str] = None, no_object: Optional[dict] = None,
                         no_list: Optional[list] = None):
    kubernetes.use_secret_as_volume(task, no_text, '/secret')
    kubernetes.use_secret_as_env(task, no_text, {'k': 'FROM_SECRET'})
    kubernetes.use_config_map_as_volume(task, no_text, '/config')
    kubernetes.use_config_map_as_env(task, no_text, {'k': 'FROM_MAP'})
    kubernetes.set_image_pull_secrets(task, [no_text])
    kubernetes.add_node_selector(task, 'pool', 'hidden')
    kubernetes.add_node_selector_json(task, no_object)
    kubernetes.add_toleration_json(task, no_list)
    kubernetes.add_node_affinity_json(task, no_object)


@case
def outputs(task):
    chosen = choose().output
    kubernetes.mount_pvc(task, chosen, '/data')
    kubernetes.use_secret_as_env(task, chosen, {'k': 'FROM_SECRET'})


def settings_of(configure: Configure) -> Dict[str, Any]:
    """Of the one task that is configured, out of a package as the compiler writes it."""

    def pipeline(*given):
        configure(work(), *given)

    parameters = list(inspect.signature(configure).parameters.values())[1:]
    pipeline.__signature__ = inspect.Signature(parameters)
    pipeline.__annotations__ = {one.name: one.annotation for one in parameters}
    pipeline.__name__ = configure.__name__
    with tempfile.TemporaryDirectory() as folder:
        package = pathlib.Path(folder) / 'package.yaml'
        compiler.Compiler().compile(dsl.pipeline(pipeline), str(package))
        platform = list(yaml.safe_load_all(package.read_text()))[1]['platforms']['kubernetes']
    return platform['deploymentSpec']['executors']['exec-work']


def lines() -> Iterator[str]:
    for name, configure in CASES.items():
        yield json.dumps({'name': name, 'settings': settings_of(configure)}, sort_keys=True)


if __name__ == '__main__':
    for line in lines():
        print(line)
