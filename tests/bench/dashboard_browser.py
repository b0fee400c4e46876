"""A browser that shows pages of the dashboard, for the bench `dashboard`: dashboard_browser.py URL ADDRESS ROWS TIMES.
Prints for each visit what it took, as JSON: milliseconds to the first paint and to the first rows of the table, frames
a second while it scrolls, and how many requests of the API it took."""

import json
import shutil
import sys

from playwright.sync_api import sync_playwright

# Resolves with the frames a second of a second in which the table is scrolled by 40 pixels in each frame.
SCROLL = """table => new Promise(done => {
  const begun = performance.now();
  let frames = 0;
  const step = now => {
    table.scrollTop += 40;
    ++frames;
    if (now - begun < 1000) requestAnimationFrame(step); else done(1000 * frames / (now - begun));
  };
  requestAnimationFrame(step);
})"""
# When the rows of a table are there, by the clock of the page.
ROWS = """async wanted => {
  const rows = () => document.querySelectorAll('.table-body-row').length;
  while (rows() < wanted) await new Promise(requestAnimationFrame);
  return performance.now();
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()"


def main() -> None:
    url, address, rows, times = sys.argv[1:]
    program = shutil.which('chromium') or shutil.which('chromium-browser')
    visits = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=program, args=['--no-sandbox'])
        for _ in range(int(times) + 1):
            context = browser.new_context(viewport={'width': 1280, 'height': 800})
            page = context.new_page()
            asked = []
            page.on('request', lambda request, asked=asked: '/apis/' in request.url and asked.append(request.url))
            page.goto(f'{url}/#/{address}', wait_until='commit')
            usable = page.evaluate(ROWS, int(rows))
            calls = len([one for one in asked if ':watch' not in one])
            paint = page.evaluate(PAINT)
            frames = page.locator('.table').first.evaluate(SCROLL)
            visits.append({'paint_ms': paint, 'usable_ms': usable, 'frames': frames, 'calls': calls})
            context.close()
        browser.close()
    print(json.dumps(visits[1:]))  # the first also starts the browser


main()
