"""Messages of our own protos, made when the tests run: as a client has them that was generated from these files."""

import functools
import pathlib
import shutil
import struct
import subprocess
import tempfile
from typing import Any, Tuple

import grpc
import pytest
import requests
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import status_pb2

from penstock import ROOT, Server

API = 'kubeflow.pipelines.backend.api.v2beta1'


@functools.lru_cache(maxsize=None)
def pool(*files: str) -> descriptor_pool.DescriptorPool:
    """The descriptors of these files below proto/, with all that they import."""
    protoc = shutil.which('protoc')
    if protoc is None:
        pytest.skip('protoc is not installed')
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / 'set'
        subprocess.run([protoc, f'-I{ROOT / "proto"}', f'-I{googleapis()}', '--include_imports',
                        f'--descriptor_set_out={out}', *files], check=True)
        described = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    made = descriptor_pool.DescriptorPool()
    for file in described.file:
        made.Add(file)
    return made


def googleapis() -> pathlib.Path:
    """Where google/api/annotations.proto lies: beside the Python that is made of it."""
    return pathlib.Path(status_pb2.__file__).parents[2]


class Client:
    """Calls of one service over gRPC."""

    def __init__(self, target: str, service: str, *files: str) -> None:
        self.service = pool(*files).FindServiceByName(service)
        self.channel = grpc.insecure_channel(target)

    def kinds(self, method: str) -> Tuple[Any, Any]:
        described = self.service.FindMethodByName(method)
        return (message_factory.GetMessageClass(described.input_type),
                message_factory.GetMessageClass(described.output_type))

    def __call__(self, method: str, **fields: Any) -> Any:
        request, answer = self.kinds(method)
        call = self.channel.unary_unary(f'/{self.service.full_name}/{method}',
                                        request_serializer=request.SerializeToString,
                                        response_deserializer=answer.FromString)
        return call(request(**fields), timeout=60)


class WebClient(Client):
    """The same over gRPC-web, as a browser makes them: one frame there, a frame and trailers back."""

    def __init__(self, server: Server, service: str, *files: str) -> None:
        super().__init__(f'127.0.0.1:{server.grpc_port}', service, *files)
        self.url = server.url

    def __call__(self, method: str, **fields: Any) -> Any:
        kind, answer_kind = self.kinds(method)
        body = kind(**fields).SerializeToString()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f'{self.url}/{self.service.full_name}/{method}',
                                  data=struct.pack('>BI', 0, len(body)) + body, timeout=60,
                                  headers={'Content-Type': 'application/grpc-web+proto', 'X-Grpc-Web': '1'})
        assert answer.status_code == 200, f'{method}: {answer.status_code} {answer.text}'
        message, trailers = None, {}
        rest = answer.content
        while rest:
            flag, size = struct.unpack('>BI', rest[:5])
            frame, rest = rest[5:5 + size], rest[5 + size:]
            if flag & 0x80:
                trailers = dict(line.split(':', 1) for line in frame.decode().split('\r\n') if line)
            else:
                message = answer_kind.FromString(frame)
        status = int(trailers.get('grpc-status', answer.headers.get('grpc-status', '-1')))
        if status:
            raise WebError(status, trailers.get('grpc-message', answer.headers.get('grpc-message', '')))
        return message


class WebError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f'{status}: {message}')
        self.status = status
