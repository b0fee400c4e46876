"""Servers that stand for object stores: versitygw for S3, fake-gcs-server for Google's, azurite for Azure's."""

import base64
import email.utils
import hashlib
import hmac
import os
import pathlib
import socket
import subprocess
from typing import Dict, List, Optional

import pytest
import requests

from waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / 'build/stores'  # where tests/run.sh builds them
ACCESS_KEY, SECRET_KEY = 'penstock', 'a-secret-of-these-tests'
START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(('127.0.0.1', port)) == 0


class S3:
    """An S3 server; a bucket is a folder, and an object a file in it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.buckets = folder / 'buckets'
        self.log = folder / 's3.log'
        self.port = free_port()
        self.process: Optional['subprocess.Popen[bytes]'] = None
        self.buckets.mkdir(parents=True)

    @staticmethod
    def missing() -> str:
        program = PROGRAMS / 'versitygw'
        return '' if program.exists() else f'{program} is not built: tests/run.sh does that'

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def start(self) -> 'S3':
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                [str(PROGRAMS / 'versitygw'), f'--port=127.0.0.1:{self.port}', '--region=us-east-1',
                 'posix', str(self.buckets)],
                env={'PATH': os.environ['PATH'], 'ROOT_ACCESS_KEY': ACCESS_KEY, 'ROOT_SECRET_KEY': SECRET_KEY},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_until('the S3 server to listen', lambda: self._listens(), START_SECONDS)
        return self

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return _answers(self.port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def bucket(self, name: str) -> pathlib.Path:
        path = self.buckets / name
        path.mkdir(exist_ok=True)
        return path

    def objects(self, bucket: str) -> List[str]:
        """Keys of what is there, without the server's own files."""
        base = self.buckets / bucket
        found = [os.path.relpath(os.path.join(folder, name), base)
                 for folder, _, names in os.walk(base) for name in names]
        return sorted(key for key in found if not key.startswith('.sgwtmp'))

    @staticmethod
    def variables_at(endpoint: str) -> Dict[str, str]:
        """The environment by which the cloud's own programs find a server."""
        return {'AWS_ACCESS_KEY_ID': ACCESS_KEY, 'AWS_SECRET_ACCESS_KEY': SECRET_KEY, 'AWS_REGION': 'us-east-1',
                'AWS_ENDPOINT_URL_S3': endpoint, 'AWS_EC2_METADATA_DISABLED': 'true'}

    def variables(self) -> Dict[str, str]:
        return self.variables_at(self.endpoint)

    def settings(self, prefix: str, path: pathlib.Path, **more: str) -> pathlib.Path:
        """A settings file for what lies below `prefix`."""
        key, secret = path.with_suffix('.key'), path.with_suffix('.secret')
        key.write_text(ACCESS_KEY + '\n')
        secret.write_text(SECRET_KEY + '\n')
        lines = ['stores:', f'- prefix: {prefix}', f'  endpoint: {self.endpoint}', '  region: us-east-1',
                 '  path_style: true', *(f'  {name}: {value}' for name, value in more.items()), '  credentials:',
                 f'    access_key_id_file: {key}', f'    secret_access_key_file: {secret}']
        path.write_text('\n'.join(lines) + '\n')
        return path


def required(missing: str) -> None:
    """Skips loudly, but not where tests/run.sh has built everything."""
    if missing and os.environ.get('PENSTOCK_TEST_STORES') == 'required':
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


class _Emulator:
    """A server of one process that stands for a cloud's store."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.process: Optional['subprocess.Popen[bytes]'] = None

    @property
    def address(self) -> str:
        return f'127.0.0.1:{self.port}'

    def run(self, *command: str) -> None:
        log = self.folder / 'log'
        with log.open('ab') as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True)

        def listens() -> bool:
            assert self.process.poll() is None, log.read_text()
            return _answers(self.port)
        wait_until(f'{command[0]} to listen', listens, START_SECONDS)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Gcs(_Emulator):
    """Google Cloud Storage, with the bucket "team"."""
    scheme = 'gs'

    @staticmethod
    def missing() -> str:
        program = PROGRAMS / 'fake-gcs-server'
        return '' if program.exists() else f'{program} is not built: tests/run.sh does that'

    def start(self) -> 'Gcs':
        self.run(str(PROGRAMS / 'fake-gcs-server'), '-scheme', 'http', '-host', '127.0.0.1', '-port', str(self.port),
                 '-public-host', self.address, '-backend', 'memory')
        requests.post(f'http://{self.address}/storage/v1/b', params={'project': 'p'}, json={'name': 'team'},
                      timeout=60).raise_for_status()
        return self

    def variables(self) -> Dict[str, str]:
        return {'STORAGE_EMULATOR_HOST': self.address}


class Azure(_Emulator):
    """Azure Blob Storage, with the container "team"."""
    scheme = 'azblob'
    # Azurite's own, which its documents name.
    ACCOUNT = 'devstoreaccount1'
    KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

    @staticmethod
    def missing() -> str:
        program = PROGRAMS / 'node_modules/.bin/azurite-blob'
        return '' if program.exists() else f'{program} is not installed: tests/run.sh does that where there is npm'

    def start(self) -> 'Azure':
        self.run(str(PROGRAMS / 'node_modules/.bin/azurite-blob'), '--blobHost', '127.0.0.1', '--blobPort',
                 str(self.port), '--location', str(self.folder), '--silent', '--skipApiVersionCheck')
        self._make_container('team')
        return self

    def _make_container(self, name: str) -> None:
        date = email.utils.formatdate(usegmt=True)
        headers = {'x-ms-date': date, 'x-ms-version': '2021-08-06'}
        signed = '\n'.join(['PUT', *[''] * 11, f'x-ms-date:{date}', 'x-ms-version:2021-08-06',
                            f'/{self.ACCOUNT}/{self.ACCOUNT}/{name}', 'restype:container'])
        digest = hmac.new(base64.b64decode(self.KEY), signed.encode(), hashlib.sha256).digest()
        headers['Authorization'] = f'SharedKey {self.ACCOUNT}:{base64.b64encode(digest).decode()}'
        requests.put(f'http://{self.address}/{self.ACCOUNT}/{name}', params={'restype': 'container'}, headers=headers,
                     timeout=60).raise_for_status()

    def variables(self) -> Dict[str, str]:
        return {'AZURE_STORAGE_CONNECTION_STRING':
                f'DefaultEndpointsProtocol=http;AccountName={self.ACCOUNT};AccountKey={self.KEY};'
                f'BlobEndpoint=http://{self.address}/{self.ACCOUNT};'}
