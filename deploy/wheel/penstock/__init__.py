"""Penstock: a server that answers the API of Kubeflow Pipelines and runs its pipelines, without Kubernetes.

The programs lie in `bin` beside this file. `penstock` and `python -m penstock` become the one of that name, which finds
the others there."""

import os
import sys

# Where the libcurl of this package looks by itself, and where other distributions keep the same.
CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
OTHER_CERTIFICATES = (
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',  # Fedora, Red Hat
    '/etc/pki/tls/certs/ca-bundle.crt',                   # the same, older
    '/etc/ssl/ca-bundle.pem',                             # openSUSE
    '/etc/ssl/cert.pem',
)
ZONES = '/usr/share/zoneinfo'


def _in_package(package, *path):
    """A file or folder of another package; None without it."""
    from importlib.util import find_spec  # seldom needed, and a tenth of what starting takes
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = os.path.join(spec.submodule_search_locations[0], *path)
    return found if os.path.exists(found) else None


def _set_environment(variables):
    """What the machine does not say, this package and those that it requires do."""
    if not variables.get('PENSTOCK_PYTHON') and sys.executable:
        variables['PENSTOCK_PYTHON'] = sys.executable
    trusts = variables.get('SSL_CERT_FILE') or variables.get('SSL_CERT_DIR')
    if not trusts and not os.path.exists(CERTIFICATES):
        found = next(filter(os.path.exists, OTHER_CERTIFICATES), None) or _in_package('certifi', 'cacert.pem')
        if found:
            variables['SSL_CERT_FILE'] = found
    if not variables.get('TZDIR') and not os.path.isdir(ZONES):
        found = _in_package('tzdata', 'zoneinfo')
        if found:
            variables['TZDIR'] = found


def main():
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'bin', 'penstock')
    _set_environment(os.environ)
    try:
        os.execv(program, ['penstock', *sys.argv[1:]])
    except OSError as error:
        sys.exit(f'penstock: {program} cannot be run: {error.strerror}. Install it anew: '
                 f'{sys.executable} -m pip install --force-reinstall --no-deps penstock')
