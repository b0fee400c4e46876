"""Waiting for conditions with a deadline; the only place of these tests that sleeps."""

import time
from typing import Any, Callable, TypeVar

T = TypeVar('T')

# Time-outs are for a quiet machine. Beside other work a test is slower, and no failure.
PATIENCE = 5


def wait_until(what: str, probe: Callable[[], T], timeout: float = 30, interval: float = 0.03) -> T:
    """Returns the first true value of `probe`; on time-out the error says what was waited for and what came last."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        seen: Any = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {timeout * PATIENCE:g} s for {what}; last seen: {seen!r}')
        time.sleep(interval)


def stays(what: str, probe: Callable[[], bool], seconds: float, interval: float = 0.05) -> None:
    """Watches that a condition holds for a while: for what must not happen, which no condition can announce."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert probe(), f'{what} did not hold for {seconds:g} s'
        time.sleep(interval)
