"""Runs as files: asked for, sent, taken apart and put together again."""

import hashlib
import io
import json
import subprocess
import tarfile
from typing import Any, Dict, Optional

import requests

from penstock import Server

API = '/apis/penstock/v1'


def export(server: Server, run_id: str, contents: bool = True) -> bytes:
    answer = server.request('GET', f'{API}/runs/{run_id}:export', params={'include_contents': str(contents).lower()})
    assert answer.status_code == 200, answer.text
    assert answer.headers['Content-Type'] == 'application/zstd'
    return answer.content


def bring(server: Server, bundle: bytes, **query: Any) -> requests.Response:
    return server.request('POST', f'{API}/runs:import', params=query, data=bundle,
                          headers={'Content-Type': 'application/zstd'})


def unpacked(bundle: bytes) -> bytes:
    return subprocess.run(['zstd', '-dc'], input=bundle, capture_output=True, check=True).stdout


def packed(tar: bytes) -> bytes:
    return subprocess.run(['zstd', '-c'], input=tar, capture_output=True, check=True).stdout


def members(bundle: bytes) -> Dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(unpacked(bundle))) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def rebuilt(bundle: bytes, **changed: Optional[bytes]) -> bytes:
    """The bundle with other members, or without those that are None, and a manifest that fits: names with _ for /, and
    without .jsonl."""
    parts = members(bundle)
    parts.pop('manifest.json')
    for name, content in changed.items():
        known = next(known for known in parts if known.split('.')[0].replace('/', '_') == name)
        if content is None:
            parts.pop(known)
        else:
            parts[known] = content
    manifest = {'format': 1, 'members': [{'name': name, 'size': len(content),
                                          'sha256': hashlib.sha256(content).hexdigest()}
                                         for name, content in parts.items()]}
    parts['manifest.json'] = json.dumps(manifest).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as archive:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    end = -(-len(out.getvalue().rstrip(b'\0')) // 512) * 512
    return packed(out.getvalue()[:end] + bytes(1024))
