"""Tasks as pods of the cluster that tests/kubernetes has started, for pipelines that were written for this machine."""

import json
import os
import pathlib
import sys
import uuid
from typing import Any, Dict, List

from waiting import wait_until

KUBERNETES = pathlib.Path(__file__).resolve().parents[1] / 'kubernetes'


def pod_flags(folder: pathlib.Path, shared: pathlib.Path, s3: Any) -> List[str]:
    """Flags of a server whose pods see the folder `shared` of this machine, where tests look for what tasks do, and run
    in the one image that the node has, whatever a pipeline says."""
    sys.path.append(str(KUBERNETES))
    import images
    import machine
    from cluster import Cluster
    cluster = Cluster.attach(pathlib.Path(os.environ['PENSTOCK_TEST_CLUSTER']))
    namespace = f'e2e-{uuid.uuid4().hex[:6]}'
    cluster.api('POST', '/api/v1/namespaces', {'metadata': {'name': namespace}})
    account = f'/api/v1/namespaces/{namespace}/serviceaccounts/default'
    wait_until('the default service account', lambda: cluster.find(account))
    cluster.api('POST', f'/api/v1/namespaces/{namespace}/secrets',
                {'metadata': {'name': 'stores'}, 'stringData': s3.variables()})
    main: Dict[str, Any] = {'name': 'main', 'image': images.TASK, 'imagePullPolicy': 'Never',
                            'volumeMounts': [{'name': 'shared', 'mountPath': str(shared)}]}
    port = machine.free_ports(1)
    settings = folder / 'settings.yaml'
    settings.write_text(json.dumps({
        'launcher': {'image': images.LAUNCHER}, 'stores_secret': 'stores',
        'report': {'listen': f'127.0.0.1:{port}', 'url': f'http://127.0.0.1:{port}'},
        'pods': {'failed': 'delete'},
        'patch': {'spec': {'hostNetwork': True, 'containers': [main],
                           'volumes': [{'name': 'shared', 'hostPath': {'path': str(shared)}}]}}}))
    return ['--executors=kubernetes', f'--kubernetes_settings={settings}', f'--kubeconfig={cluster.kubeconfig}',
            f'--kubernetes_namespace={namespace}']
