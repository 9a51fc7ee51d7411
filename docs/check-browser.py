# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks each page of the manual in a browser without a window, and reports the results as TAP.

At the width of a desktop and of a phone, nothing may be wider than the page; wide elements must
have their own scrollbar. On a phone, the search and the list of pages are at the top. Links inside
the manual must lead to an existing page and anchor. All pictures must load, and the console must
stay empty. Each group of tabs must show exactly the chosen tab.

--screenshots DIR saves a picture of each page at both widths.
"""

import argparse
import base64
import functools
import http.server
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

SECONDS_FOR_ANSWER = 60
WIDTHS = {'desktop': 1280, 'phone': 390}
HEIGHT = 900
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
         '--disable-background-networking', '--disable-extensions', '--no-first-run',
         '--hide-scrollbars', '--remote-debugging-pipe',
         '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1')

# Finds elements that are wider than the page and have no scrollbar.
TOO_WIDE = '''(() => {
  const scrolls = element => {
    for (let up = element; up && up !== document.body; up = up.parentElement)
      if (/auto|scroll/.test(getComputedStyle(up).overflowX))
        return true;
    return false;
  };
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const table of document.querySelectorAll('.docblock table'))
    if (innerWidth > 1000 && table.scrollWidth > table.clientWidth + 1) {
      const head = table.rows[0].textContent.trim().replace(/\\s+/g, ' ');
      found.push(`there is room for a table, and it scrolls: ${head}`);
    }
  for (const element of document.querySelectorAll('#body-wrapper *')) {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const right = style.overflowX === 'visible' && style.display !== 'inline'
      ? Math.max(box.right, box.left + element.scrollWidth) : box.right;
    if (box.width > 0 && right > innerWidth + 1 && style.opacity !== '0' &&
        !scrolls(element.parentElement))
      found.push(`${element.tagName.toLowerCase()} reaches to ${Math.round(right)}: ` +
                 element.textContent.trim().slice(0, 60));
  }
  return found;
})()'''

FINDINGS = '''(() => ({
  links: [...document.links].map(link => link.href),
  names: [...document.querySelectorAll('[id]')].map(element => element.id),
  pictures: [...document.images].filter(image => !image.complete || image.naturalWidth === 0)
                                .map(image => image.src),
}))()'''

# Chooses each tab in turn, and finds tabs that show another text.
WRONG_TABS = '''(() => {
  const found = [];
  for (const group of document.querySelectorAll('.tabs')) {
    const labels = [...group.querySelectorAll('label')];
    const tabs = [...group.querySelectorAll('.tab')];
    for (const label of labels) {
      label.click();
      const shown = tabs.filter(tab => tab.offsetHeight > 0).map(tab => tab.dataset.language);
      if (shown.length !== 1 || shown[0] !== label.textContent)
        found.push(`"${label.textContent}" shows ${shown}`);
    }
    labels[0].click();
  }
  if (document.body.innerHTML.includes('<!-- languages -->'))
    found.push('a group was not made into tabs');
  return found;
})()'''


# On a narrow screen, the search and the list of pages are within reach at the top of the page.
OUT_OF_REACH = '''(() => {
  const found = [];
  const is_shown = selector => document.querySelector(selector)?.getClientRects().length > 0;
  const box = document.querySelector('#search-input').getBoundingClientRect();
  if (box.top + scrollY > 100 || box.height === 0)
    found.push('the search is not at the top');
  if (is_shown('.sidebar .pages'))
    found.push('the list of pages is open at first');
  document.querySelector('label.menu').click();
  if (!is_shown('.sidebar .pages a'))
    found.push('the button does not open the list of pages');
  document.querySelector('label.menu').click();
  return found;
})()'''

# The title of a page, which some versions of gi-docgen write twice.
REPEATED_TITLE = '''(() => {
  const texts = [...document.querySelectorAll('#main :is(h1, h2, h3, h4)')].slice(0, 2)
    .map(heading => heading.textContent.trim());
  return texts.length === 2 && texts[0] === texts[1] ? [`the title is there twice: ${texts[0]}`] : [];
})()'''


class Browser:
    """Controls one page in a browser through a pipe."""

    def __init__(self, program, directory):
        from_us, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()

        # The browser reads from descriptor 3 and writes to 4. A shell sets these up safely.
        self.process = subprocess.Popen(
            ['sh', '-c', f'exec "$@" 3<&{from_us} 4>&{from_browser}', 'sh', program, *FLAGS,
             f'--user-data-dir={directory}', 'about:blank'],
            pass_fds=(from_us, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, 'HOME': directory, 'TMPDIR': directory, 'XDG_RUNTIME_DIR': directory})
        os.close(from_us)
        os.close(from_browser)
        self.buffer = b''
        self.number = 0
        self.session = None
        self.complaints = []

        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in 'Page', 'Runtime', 'Log':
            self.call(f'{domain}.enable')

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        os.close(self.answers)

    def next_message(self):
        deadline = time.monotonic() + SECONDS_FOR_ANSWER
        while b'\0' not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise RuntimeError('the browser does not answer')
            received = os.read(self.answers, 1 << 20)
            if not received:
                raise RuntimeError('the browser has ended')
            self.buffer += received
        message, _, self.buffer = self.buffer.partition(b'\0')
        message = json.loads(message)
        method = message.get('method')
        if method == 'Runtime.exceptionThrown':
            self.complaints.append(message['params']['exceptionDetails']['text'])
        elif method == 'Log.entryAdded' and message['params']['entry']['level'] == 'error':
            entry = message['params']['entry']
            self.complaints.append(f'{entry["text"]} {entry.get("url", "")}')
        return message

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session is not None:
            message['sessionId'] = self.session
        os.write(self.commands, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.next_message()
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]["message"]}')
                return answer['result']

    def go_to(self, address):
        self.complaints = []
        self.call('Page.navigate', url=address)
        while self.next_message().get('method') != 'Page.loadEventFired':
            pass

    def evaluate(self, expression):
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result']['value']

    def set_width(self, width):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=HEIGHT,
                  deviceScaleFactor=1, mobile=False)

    def save_picture(self, path):
        picture = self.call('Page.captureScreenshot', captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture['data']))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        # Browsers request this file without a link.
        if self.path == '/favicon.ico':
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


def look_at(browser, address, screenshots):
    """Returns the faults of a page, and its links and anchors."""
    faults = []
    browser.set_width(WIDTHS['desktop'])
    browser.go_to(address)
    findings = browser.evaluate(FINDINGS)
    for device, width in WIDTHS.items():
        browser.set_width(width)
        faults += [f'{device}: {fault}' for fault in browser.evaluate(TOO_WIDE)]
        if screenshots:
            name = pathlib.PurePosixPath(urllib.parse.urlsplit(address).path).stem
            browser.save_picture(screenshots / f'{name}-{width}.png')
    faults += [f'phone: {fault}' for fault in browser.evaluate(OUT_OF_REACH)]
    faults += browser.evaluate(REPEATED_TITLE)
    faults += [f'tabs: {fault}' for fault in browser.evaluate(WRONG_TABS)]
    faults += [f'a picture does not load: {source}' for source in findings['pictures']]
    faults += browser.complaints
    return faults, findings


def wrong_links(findings, base, names_of):
    """Yields links inside the manual without a target; @names_of has the anchors of each page."""
    for link in findings['links']:
        address, _, place = link.partition('#')
        if not address.startswith(base):
            continue
        page = urllib.parse.unquote(address.removeprefix(base)) or 'index.html'
        if page not in names_of:
            yield f'a link leads to {page}, which does not exist'
        elif place and urllib.parse.unquote(place) not in names_of[page]:
            yield f'a link leads to "{place}" on {page}, which does not exist'


def check(browser, directory, base, screenshots):
    pages = sorted(path.name for path in directory.glob('*.html'))
    print(f'1..{len(pages)}', flush=True)
    seen = {page: look_at(browser, base + page, screenshots) for page in pages}
    names_of = {page: set(findings['names']) for page, (_, findings) in seen.items()}
    for number, (page, (faults, findings)) in enumerate(seen.items(), 1):
        faults += sorted(set(wrong_links(findings, base, names_of)))
        print(f'{"not ok" if faults else "ok"} {number} - {page}')
        for fault in faults:
            print(f'# {fault}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--screenshots', type=pathlib.Path)
    parser.add_argument('directory', type=pathlib.Path)
    options = parser.parse_args()

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print('1..0 # SKIP chromium is not installed')
        return
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)

    handler = functools.partial(QuietHandler, directory=options.directory)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server, \
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = Browser(program, profile)
        try:
            check(browser, options.directory, f'http://127.0.0.1:{server.server_port}/',
                  options.screenshots)
        finally:
            browser.close()
            server.shutdown()


if __name__ == '__main__':
    sys.exit(main())
