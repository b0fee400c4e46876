"""What servers of these tests store in: SQLite in the data directory, or a PostgreSQL server of the tests' own."""

import os
import pathlib
import re
import sys
from typing import Dict, Optional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))

import private_postgres  # noqa: E402
from private_postgres import PrivatePostgres  # noqa: E402

KINDS = ('sqlite', 'postgres')


def missing() -> Optional[str]:
    """Why PostgreSQL cannot be had here; in CI it has to be there."""
    if private_postgres.binaries() or os.environ.get('CI'):
        return None
    return 'PostgreSQL is not installed: deploy/install_deps.sh --tests, or apt-get install postgresql'


class Sqlite:
    kind = 'sqlite'

    def url_of(self, folder: pathlib.Path) -> Optional[str]:
        """None: the server's own default."""
        return None

    def close(self) -> None:
        pass


class Postgres:
    """One server for all tests, with a database of its own for each data directory, which keeps it."""
    kind = 'postgres'

    def __init__(self) -> None:
        self.server = PrivatePostgres().start()
        self.names: Dict[pathlib.Path, str] = {}

    def url_of(self, folder: pathlib.Path) -> str:
        if folder not in self.names:
            label = re.sub(r'\W+', '_', folder.parent.name.lower())[:40]
            self.names[folder] = f'e2e_{len(self.names) + 1}_{label}'
            self.server.sql(f'CREATE DATABASE {self.names[folder]} TEMPLATE template0')
        return self.server.url(self.names[folder])

    def close(self) -> None:
        self.server.close()
