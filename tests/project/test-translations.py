# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Every message is translated into each language."""

import re
import tempfile
import unittest

import tap
from project import SOURCE_ROOT, run, source_files

PO = SOURCE_ROOT / 'po'
# There may be more languages, but none of these may go.
PROMISED = ['de', 'es', 'fr', 'ja', 'pl', 'pt_BR', 'zh_CN']
MARK = re.compile(r'\b(?:_|N_|C_|NC_|Q_|ngettext|g_dngettext|g_dpgettext2?) ?\(')
KEYWORDS = ['_', 'N_', 'C_:1c,2', 'NC_:1c,2', 'g_dngettext:2,3', 'g_dpgettext2:2c,3']


def listed():
    lines = (PO / 'POTFILES.in').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def languages():
    return (PO / 'LINGUAS').read_text().split()


class Translations(unittest.TestCase):
    def test_every_file_is_listed(self):
        marked = []
        for path in source_files():
            is_ours = path.relative_to(SOURCE_ROOT).parts[0] in ('ssem', 'examples')
            if is_ours and path.suffix in ('.c', '.in') and MARK.search(path.read_text()):
                marked.append(str(path.relative_to(SOURCE_ROOT)))
        self.assertEqual(sorted(listed()), sorted(marked))

    def test_every_language_is_listed(self):
        self.assertEqual(languages(), sorted(path.stem for path in PO.glob('*.po')))
        self.assertEqual(set(PROMISED) - set(languages()), set())

    def test_each_says_which_language_it_is(self):
        for language in languages():
            self.assertIn(f'"Language: {language}\\n"\n', (PO / f'{language}.po').read_text())

    def test_nothing_is_fuzzy_or_missing(self):
        for language in languages():
            said = run('msgfmt', '--check', '--statistics', '--output-file=/dev/null',
                       PO / f'{language}.po', env={'PATH': '/usr/bin:/bin', 'LC_ALL': 'C'})
            self.assertRegex(said.strip(), r'^[1-9]\d* translated messages\.$')

    def test_as_many_as_the_sources_have(self):
        with tempfile.TemporaryDirectory() as directory:
            template = f'{directory}/ssem.pot'
            run('xgettext', '--from-code=UTF-8', f'--directory={SOURCE_ROOT}',
                *[f'--keyword={keyword}' for keyword in KEYWORDS], f'--output={template}',
                *listed())
            for language in languages():
                run('msgcmp', PO / f'{language}.po', template)


tap.main()
