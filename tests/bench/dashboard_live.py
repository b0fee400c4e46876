"""A browser that looks at a run while it runs, for the bench `watches`: dashboard_live.py URL RUN_ID. Prints as JSON by
how many milliseconds the page showed the end of each task later than the server has noted it."""

import json
import shutil
import sys
import urllib.request
from datetime import datetime

from playwright.sync_api import sync_playwright

# Notes when each row first says that its task has succeeded, by the clock of the machine.
WATCH = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll('.table-body-row')) {
      const name = /task-\\d+/.exec(row.textContent)?.[0];
      if (name && !(name in window.seen) && row.textContent.includes('Succeeded')) window.seen[name] = Date.now();
    }
  };
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(document.body, all);
  window.seenBefore = [];
  look();
  window.seenBefore = Object.keys(window.seen);
}"""
ENDED = "count => Object.keys(window.seen).length >= count"


def ends(url: str, run_id: str) -> dict:
    with urllib.request.urlopen(f'{url}/apis/v2beta1/runs/{run_id}') as answer:
        tasks = json.load(answer)['run_details']['task_details']
    return {task['display_name']: 1000 * datetime.fromisoformat(task['state_history'][-1]['update_time']).timestamp()
            for task in tasks if task['display_name'].startswith('task-')}


def main() -> None:
    url, run_id = sys.argv[1:]
    program = shutil.which('chromium') or shutil.which('chromium-browser')
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=program, args=['--no-sandbox'])
        page = browser.new_page(viewport={'width': 1280, 'height': 2600})
        page.goto(f'{url}/#/runs/details/{run_id}')
        page.locator('.table-body-row').first.wait_for()
        page.evaluate(WATCH)
        page.wait_for_function(ENDED, arg=40, timeout=120_000)
        seen, before = page.evaluate('window.seen'), page.evaluate('window.seenBefore')
        browser.close()
    noted = ends(url, run_id)
    print(json.dumps([at - noted[name] for name, at in seen.items() if name not in before and name in noted]))


main()
