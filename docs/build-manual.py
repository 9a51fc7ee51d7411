# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Builds the manual: build-manual.py --output DIR --toml FILE --style FILE COMMAND...

COMMAND is gi-docgen, of version 2023.1 or later, which writes its pages below DIR. This script then
makes changes for which gi-docgen has no setting:

- The text of the page "front" becomes that of the front page, above the lists of symbols. Its page
  and the front page's own list of pages are removed.
- Each page gets a side list of all pages of the manual, in the order of the configuration. On a
  narrow screen, a button above the page shows it.
- A page has its title once. Later versions of gi-docgen write it above the title in the text.
- A picture NAME.svg or NAME.png has variants, if there are such files: NAME-narrow for narrow
  screens, and NAME-dark for the dark style.
- Two comments in a page mark a group of samples in several languages. The group becomes a row of
  tabs, made of radio buttons and the style sheet only.
- The style sheet is appended to the style sheet of the theme.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
from html import escape

FRONT = 'front'
LANGUAGES = ('C', 'Python', 'JavaScript', 'Vala', 'Shell')
GROUP = re.compile(r'<!-- languages -->\n(.*?)<!-- end of languages -->', re.S)
LABEL = re.compile(r'<p><strong>(%s)</strong></p>\n' % '|'.join(LANGUAGES))
SIDE = '<div class="section generator">'
SEARCH_END = '</form>\n      </div>\n'
MAIN = '<section id="main" class="content">\n'
TITLE = re.compile(r'(<section id="main" class="content">)\s*<h4 id="title".*?</h4>', re.S)
FRONT_TITLE = re.compile(r'<header>.*?</header>\n', re.S)
FRONT_SECTION = re.compile(r'<section>\s*<div class="toggle-wrapper">\s*'
                           r'<h4 id="(?:dependencies|extra)".*?</section>\n', re.S)
TEXT = re.compile(r'<div class="docblock">\n(.*)</div>\s*</section>\s*</section>', re.S)
PICTURE = re.compile(r'<img ([^>]*)src="([\w-]+)(\.svg|\.png)"([^>]*)>')
VARIANTS = {'-narrow': '(max-width: 700px)', '-dark': '(prefers-color-scheme: dark)'}
# A check box and its label: the style sheet shows the list while the box is checked.
MENU = ('<input type="checkbox" id="menu" class="menu" aria-label="Show the pages">'
        '<label for="menu" class="menu">Pages</label>\n')


def page_names(toml):
    """Returns the pages in the configuration. Its form is simple, so no TOML module is needed."""
    names = re.search(r'^content_files = \[(.*?)^\]', toml, re.M | re.S)
    return re.findall(r'"(.+?)\.md"', names.group(1))


def title_of(page):
    return re.search(r'<title>.*: (.*?)</title>', page, re.S).group(1)


def make_side(titles, current):
    items = []
    for name, title in titles.items():
        mark = ' class="current"' if name == current else ''
        items.append(f'<a href="{name}.html"{mark}>{title}</a>\n')
    return f'<div class="section pages">\n<h5>Manual</h5>\n{"".join(items)}</div>\n'


def make_tabs(group, number):
    before, *parts = LABEL.split(group)
    assert not before.strip(), f'text before the first language of a group: {before}'
    languages, panels = parts[0::2], parts[1::2]
    out = ['<div class="tabs">\n']
    for position, language in enumerate(languages):
        name = f'tab-{number}-{position}'
        checked = ' checked' if position == 0 else ''
        out.append(f'<input type="radio" name="tabs-{number}" id="{name}"{checked}>'
                   f'<label for="{name}">{escape(language)}</label>\n')
    for language, panel in zip(languages, panels):
        out.append(f'<div class="tab" data-language="{escape(language)}">\n{panel}</div>\n')
    out.append('</div>\n')
    return ''.join(out)


def make_picture(match, directory):
    before, name, suffix, after = match.groups()
    sources = [f'<source media="{media}" srcset="{name}{variant}{suffix}">'
               for variant, media in VARIANTS.items()
               if (directory / f'{name}{variant}{suffix}').exists()]
    return f'<picture>{"".join(sources)}{match.group()}</picture>' if sources else match.group()


def make_front(front, text):
    """Returns the front page with the text of another page in place of its own header and lists."""
    front = FRONT_SECTION.sub('', FRONT_TITLE.sub('', front, count=1))
    block = TEXT.search(text).group(1)
    assert '<header>' not in front and 'id="extra"' not in front and '<h1' in block
    return front.replace(MAIN, f'{MAIN}<section><div class="docblock front">\n{block}</div></section>\n', 1)


def finish_page(text, side, directory):
    numbers = iter(range(1, 1000))
    text = GROUP.sub(lambda match: make_tabs(match.group(1), next(numbers)), text)
    text = TITLE.sub(r'\1', text, count=1)
    text = PICTURE.sub(lambda match: make_picture(match, directory), text)
    text = text.replace(SEARCH_END, SEARCH_END + MENU, 1)
    return text.replace(SIDE, side + SIDE, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--output', type=pathlib.Path, required=True)
    parser.add_argument('--toml', type=pathlib.Path, required=True)
    parser.add_argument('--style', type=pathlib.Path, required=True)
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()

    # gi-docgen leaves the pages of what is not there any more.
    shutil.rmtree(options.output, ignore_errors=True)
    if subprocess.run(options.command).returncode != 0:
        sys.exit(1)

    names = page_names(options.toml.read_text(encoding='utf-8'))
    texts = {path: path.read_text(encoding='utf-8') for path in options.output.glob('*.html')}
    titles = {name: title_of(texts[options.output / f'{name}.html']) for name in names}
    del titles[FRONT]
    front, index = options.output / f'{FRONT}.html', options.output / 'index.html'
    texts[index] = make_front(texts[index], texts.pop(front))
    front.unlink()
    for path, text in texts.items():
        path.write_text(finish_page(text, make_side(titles, path.stem), options.output),
                        encoding='utf-8')

    with open(options.output / 'style.css', 'a', encoding='utf-8') as style:
        style.write('\n' + options.style.read_text(encoding='utf-8'))


if __name__ == '__main__':
    main()
