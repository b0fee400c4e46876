"""The gRPC side with nothing but reflection: as grpcurl and generated clients see it."""

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import specs

pytestmark = pytest.mark.sqlite('the wire is the same, whatever the server stores in')

PACKAGE = 'kubeflow.pipelines.backend.api.v2beta1'
SERVICES = ('ExperimentService', 'PipelineService', 'RunService', 'RecurringRunService', 'ReportService')


class Caller:
    def __init__(self, target: str) -> None:
        self.channel = grpc.insecure_channel(target)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def __call__(self, method: str, timeout: float = 20, **request):
        service, name = method.split('/')
        described = self.pool.FindServiceByName(f'{PACKAGE}.{service}').FindMethodByName(name)
        request_class, response_class = (message_factory.GetMessageClass(kind)
                                         for kind in (described.input_type, described.output_type))
        call = self.channel.unary_unary(f'/{PACKAGE}.{method}', request_serializer=request_class.SerializeToString,
                                        response_deserializer=response_class.FromString)
        answer = call(json_format.ParseDict(request, request_class()), timeout=timeout)
        return json_format.MessageToDict(answer, preserving_proto_field_name=True)


@pytest.fixture
def call(server):
    caller = Caller(f'127.0.0.1:{server.grpc_port}')
    yield caller
    caller.channel.close()


def test_reflection_lists_the_services(call):
    listed = call.database.get_services()
    assert {f'{PACKAGE}.{name}' for name in SERVICES} <= set(listed)
    assert 'grpc.health.v1.Health' in listed
    for name in SERVICES:
        assert call.pool.FindServiceByName(f'{PACKAGE}.{name}').methods


def test_health(server, call):
    stub = health_pb2_grpc.HealthStub(call.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as error:
        stub.Check(health_pb2.HealthCheckRequest(service='none'), timeout=10)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def test_kfp_health(call):
    assert call('HealthzService/GetHealthz') == {'pipeline_store': 'database'}


def test_a_run(server, call, unique):
    experiment = call('ExperimentService/CreateExperiment', experiment={'display_name': unique('grpc')})
    run = call('RunService/CreateRun', run={
        'display_name': 'r', 'experiment_id': experiment['experiment_id'], 'pipeline_spec': specs.noop()})
    server.succeed(run['run_id'])
    seen = call('RunService/GetRun', run_id=run['run_id'])
    assert seen['state'] == 'SUCCEEDED'
    listed = call('RunService/ListRuns', experiment_id=experiment['experiment_id'])
    assert [one['run_id'] for one in listed['runs']] == [run['run_id']] and listed['total_size'] == 1
    # The same object, whichever way it is asked for.
    assert server.run(run['run_id'])['state_history'] == seen['state_history']


def test_errors_carry_kfps_detail(call):
    with pytest.raises(grpc.RpcError) as error:
        call('RunService/GetRun', run_id='none')
    assert error.value.code() == grpc.StatusCode.NOT_FOUND and 'none' in error.value.details()
    trailer = dict(error.value.trailing_metadata()).get('grpc-status-details-bin')
    status = status_pb2.Status.FromString(trailer)
    assert status.code == 5
    detail = status_pb2.Status()
    assert status.details[0].Unpack(detail) and detail.code == 5 and detail.message


@pytest.mark.parametrize('method', ['AuthService/Authorize'])
def test_what_is_not_served_yet(call, method):
    with pytest.raises(grpc.RpcError) as error:
        call(method)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED and error.value.details()


def test_nonsense_on_the_port(server, call):
    import socket
    for data in (b'GET / HTTP/1.1\r\n\r\n', b'\0' * 10000, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\xff' * 1000):
        with socket.create_connection(('127.0.0.1', server.grpc_port), timeout=10) as connection:
            connection.sendall(data)
    for port in (server.grpc_port, server.http_port):
        with socket.create_connection(('127.0.0.1', port), timeout=10) as connection:
            connection.sendall(b'\x16\x03\x01' + bytes(range(256)))
    call('ExperimentService/ListExperiments')
    server.ok('GET', '/healthz')


def test_a_unix_socket(server):
    """The same services for whoever may read the data directory, without a port."""
    caller = Caller(f'unix:{server.data_dir}/penstock.sock')
    assert caller('HealthzService/GetHealthz') == {'pipeline_store': 'database'}
    caller.channel.close()
