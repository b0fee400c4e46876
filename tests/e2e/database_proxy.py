"""A TCP proxy before PostgreSQL that can cut the writer's connection in the middle of a COMMIT, or be away."""

import enum
import select
import socket
import threading
from typing import List, Optional, Tuple

READY_FOR_QUERY = b'Z\x00\x00\x00\x05'
# What the writer of a server sends; readers begin otherwise.
WRITER_BEGINS = b'ISOLATION LEVEL READ COMMITTED'


class Cut(enum.Enum):
    BEFORE = 'the COMMIT does not reach the database, which learns that the connection is gone'
    UNNOTICED = 'the COMMIT does not reach the database, which learns nothing: the old transaction stays open'
    AFTER = 'the COMMIT is carried out, and its answer does not reach the server'


class Proxy:
    """Thread-safe. close() ends all of it."""

    def __init__(self, postgres_port: int) -> None:
        self.postgres_port = postgres_port
        self.port = 0
        self.lock = threading.Lock()
        self.open: List[socket.socket] = []
        self.cut: Optional[Cut] = None
        self.cuts_left = 0
        self.away_after = False
        self.cuts_done = 0
        self.listener: Optional[socket.socket] = None
        self.up()

    def up(self) -> None:
        """Listens, always on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Ends every connection and refuses new ones."""
        with self.lock:
            listener, self.listener = self.listener, None
            sockets, self.open = self.open, []
        if listener:
            # Wakes the thread that accepts, which would otherwise keep the port open.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for each in sockets:
            shut(each)

    close = down

    def cut_at_commit(self, cut: Cut, times: int = 1, then_away: bool = False) -> None:
        with self.lock:
            self.cut, self.cuts_left, self.away_after, self.cuts_done = cut, times, then_away, 0

    def _take_cut(self) -> Optional[Cut]:
        with self.lock:
            if not self.cuts_left:
                return None
            self.cuts_left -= 1
            return self.cut

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(('127.0.0.1', self.postgres_port))
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                return
            with self.lock:
                self.open += [client, server]
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        connection = Frames()
        cut = None
        try:
            while cut is None:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    data = server.recv(65536)
                    if not data:
                        break
                    client.sendall(data)
                if client in readable:
                    data = client.recv(65536)
                    if not data:
                        break
                    cut = self._pass_on(connection.take(data), connection, server)
        except (OSError, ValueError):
            pass
        if cut:
            with self.lock:
                self.cuts_done += 1
                away = self.away_after and not self.cuts_left
            if away:  # before the client can notice, which would connect again
                self.down()
        if cut is Cut.UNNOTICED:
            shut(client)
        else:
            shut(client, server)

    def _pass_on(self, frames: List[bytes], connection: 'Frames', server: socket.socket) -> Optional[Cut]:
        for frame in frames:
            if frame[:1] == b'Q' and frame[5:].startswith(b'BEGIN'):
                connection.writes = WRITER_BEGINS in frame
            cut = self._take_cut() if connection.writes and frame[:1] == b'Q' and frame[5:] == b'COMMIT\0' else None
            if cut is None or cut is Cut.AFTER:
                server.sendall(frame)
            if cut is Cut.AFTER:
                answer = b''
                while READY_FOR_QUERY not in answer:
                    answer += server.recv(65536) or READY_FOR_QUERY
            if cut:
                return cut
        return None


class Frames:
    """The messages of one client: a start without a type, then a type, a length and a body each."""

    def __init__(self) -> None:
        self.buffer = b''
        self.started = False
        self.writes = False

    def take(self, data: bytes) -> List[bytes]:
        self.buffer += data
        frames = []
        while True:
            start, size = self._size()
            if size is None or len(self.buffer) < start + size:
                return frames
            frames.append(self.buffer[:start + size])
            self.buffer = self.buffer[start + size:]
            self.started = True

    def _size(self) -> Tuple[int, Optional[int]]:
        start = 1 if self.started else 0
        if len(self.buffer) < start + 4:
            return start, None
        return start, int.from_bytes(self.buffer[start:start + 4], 'big')


def shut(*sockets: socket.socket) -> None:
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()
