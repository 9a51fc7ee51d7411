# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Builds the manual: build-manual.py --output DIR --toml FILE --style FILE COMMAND...

COMMAND is gi-docgen, which writes its pages below DIR. This script then makes three changes for
which gi-docgen has no setting:

- Each page gets a side list of all pages of the manual, in the order of the configuration.
- Two comments in a page mark a group of samples in several languages. The group becomes a row of
  tabs, made of radio buttons and the style sheet only.
- The style sheet is appended to the style sheet of the theme.
"""

import argparse
import pathlib
import re
import subprocess
import sys
from html import escape

LANGUAGES = ('C', 'Python', 'JavaScript', 'Vala', 'Shell')
GROUP = re.compile(r'<!-- languages -->\n(.*?)<!-- end of languages -->', re.S)
LABEL = re.compile(r'<p><strong>(%s)</strong></p>\n' % '|'.join(LANGUAGES))
SIDE = '<div class="section generator">'


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


def finish_page(text, side):
    numbers = iter(range(1, 1000))
    text = GROUP.sub(lambda match: make_tabs(match.group(1), next(numbers)), text)
    return text.replace(SIDE, side + SIDE, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--output', type=pathlib.Path, required=True)
    parser.add_argument('--toml', type=pathlib.Path, required=True)
    parser.add_argument('--style', type=pathlib.Path, required=True)
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()

    if subprocess.run(options.command).returncode != 0:
        sys.exit(1)

    names = page_names(options.toml.read_text(encoding='utf-8'))
    texts = {path: path.read_text(encoding='utf-8') for path in options.output.glob('*.html')}
    titles = {name: title_of(texts[options.output / f'{name}.html']) for name in names}
    for path, text in texts.items():
        path.write_text(finish_page(text, make_side(titles, path.stem)), encoding='utf-8')

    with open(options.output / 'style.css', 'a', encoding='utf-8') as style:
        style.write('\n' + options.style.read_text(encoding='utf-8'))


if __name__ == '__main__':
    main()
