"""The dashboard in a real browser: Debian's Chromium, driven by Playwright."""

import pathlib
from typing import Any, Iterator, List

import pytest

playwright = pytest.importorskip('playwright.sync_api', reason='Playwright is missing: see tests/requirements.txt')

import browser as browsers  # noqa: E402
from dashboard_build import ROOT, SOURCES, build  # noqa: E402

expect = playwright.expect
SHOTS = ROOT / 'build/dashboard-pictures'
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


class Dashboard:
    """A page, and all that went wrong in it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.wrong: List[str] = []
        self.requests: List[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on('pageerror', lambda error: self.wrong.append(f'error of the page: {error}'))
        page.on('console', self._hear)
        page.on('request', lambda request: self.requests.append(request.url))

    def _hear(self, message: Any) -> None:
        # What the server refuses is said on the page, and by the browser too.
        if message.type == 'error' and 'Failed to load resource' not in message.text:
            self.wrong.append(f'console: {message.text}')

    def open(self, address: str) -> Any:
        """Shows `#/address` and gives the page."""
        self.page.goto(f'{self.url}/#/{address.removeprefix("#/")}')
        return self.page

    def picture(self, name: str) -> None:
        """For people to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f'{name}.png'))

    def strangers(self) -> List[str]:
        """Requests that did not go to the server."""
        return [url for url in self.requests if not url.startswith((self.url, 'data:', 'blob:'))]


# Of a module, since Playwright keeps the thread's event loop as long as it runs.
@pytest.fixture(scope='module')
def chromium() -> Iterator[Any]:
    program = browsers.program()
    with playwright.sync_playwright() as engine:
        running = engine.chromium.launch(executable_path=program, args=['--no-sandbox', '--disable-dev-shm-usage'])
        yield running
        running.close()


@pytest.fixture
def dashboard(chromium, server) -> Iterator[Dashboard]:
    context = chromium.new_context(viewport={'width': 1280, 'height': 800}, reduced_motion='reduce')
    shown = Dashboard(context.new_page(), server.url)
    yield shown
    context.close()
    assert not shown.wrong, '\n'.join(shown.wrong)
    assert not shown.strangers()


@pytest.fixture(scope='session')
def axe() -> pathlib.Path:
    """The script that finds what keeps people out; the build of the dashboard fetches it."""
    build('--test', str(ROOT / 'build/dashboard-tests.js'))
    return SOURCES / 'node_modules/axe-core/axe.min.js'
