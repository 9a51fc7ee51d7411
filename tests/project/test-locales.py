# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The installed command in each language: only the locale of the user decides."""

import gettext
import io
import os
import pathlib
import shutil
import subprocess
import tempfile
import unicodedata
import unittest

import tap
from project import BUILD_ROOT, SOURCE_ROOT, run

PREFIX = os.environ['SSEM_PREFIX']
LIBDIR = os.environ['SSEM_LIBDIR']
LOCALES = BUILD_ROOT / 'tests/project/locales'
# From each language of po/LINGUAS to the name of a locale.
NAMES = dict(word.split('=') for word in os.environ['SSEM_LOCALES'].split())
FRENCH_LATIN = 'fr_FR.ISO-8859-1'
SECONDS = 30


def translations(language):
    """Returns the catalogue of the source, not of the installation."""
    compiled = subprocess.check_output(['msgfmt', '--output-file=-',
                                        str(SOURCE_ROOT / f'po/{language}.po')])
    return gettext.GNUTranslations(io.BytesIO(compiled))


def translator(language):
    """Returns a function that translates a message, and checks that it is translated."""
    catalogue = translations(language)

    def translate(text):
        translated = catalogue.gettext(text)
        assert translated != text, f'{language}: {text}'
        return translated

    return translate


def in_each_language(check):
    """Makes a test out of a check of one language, which gets its locale and translator."""
    def test(self):
        for language, locale in NAMES.items():
            with self.subTest(language=language):
                check(self, locale, translator(language))
    return test


def width(text):
    """Returns the width on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)


class Locales(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-'))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        run('meson', 'install', '-C', BUILD_ROOT, '--no-rebuild', '--tags=runtime,i18n',
            '--destdir', cls.root)

    def setUp(self):
        missing = [name for name in [*NAMES.values(), FRENCH_LATIN]
                   if not (LOCALES / name).exists()]
        if missing:
            self.skipTest(f'localedef made no {", ".join(missing)}: see {LOCALES}.txt')
        self.keys = tempfile.mkdtemp(prefix='ssem-test-')
        self.addCleanup(shutil.rmtree, self.keys)

    def call(self, locale, *arguments):
        """Returns the status, the output and the messages; the latter two in bytes."""
        program = self.root / PREFIX.lstrip('/') / 'bin/ssem'
        environment = {
            'LC_ALL': locale,
            'LOCPATH': str(LOCALES),
            'LD_LIBRARY_PATH': str(self.root / LIBDIR.lstrip('/')),
            'LD_PRELOAD': os.environ['SSEM_CATALOGUES_BELOW'],
            'PATH': f'{program.parent}:/usr/bin:/bin',
            'SSEM_RUNTIME_DIR': self.keys,
            'SSEM_TEST_ROOT': str(self.root),
        }
        result = subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=SECONDS, env=environment)
        return result.returncode, result.stdout, result.stderr

    @in_each_language
    def test_message_of_the_command(self, locale, translate):
        expected = (f'ssem: {translate("Missing command")}\n'
                    f'{translate("Run “ssem --help” for help.")}\n')
        self.assertEqual(self.call(locale), (2, b'', expected.encode()))

    @in_each_language
    def test_message_of_the_library(self, locale, translate):
        expected = f'ssem: {translate("The key of a semaphore cannot be empty")}\n'
        self.assertEqual(self.call(locale, 'show', ''), (1, b'', expected.encode()))

    @in_each_language
    def test_message_with_a_key(self, locale, translate):
        status, output, said = self.call(locale, 'show', 'Grüße')
        beginning, end = translate('Could not find the semaphore “%s”: %s').split('%s', 1)
        reason = translate('The semaphore does not exist')
        expected = f'ssem: {beginning}Grüße{end.split("%s")[0]}{reason}'
        self.assertEqual((status, output), (3, b''))
        self.assertTrue(said.decode().startswith(expected), said.decode())

    @in_each_language
    def test_help(self, locale, translate):
        status, output, said = self.call(locale, 'run', '--help')
        self.assertEqual((status, said), (0, b''))
        for text in ['KEY [--] COMMAND [ARGUMENT…] | KEY -c SCRIPT', 'TIME', 'Print the version and exit',
                     'Runs a command while holding units, and exits with the status of the command.',
                     'Print no message if the units are not free in time']:
            self.assertIn(translate(text), output.decode())

    @in_each_language
    def test_columns_stand_below_their_titles(self, locale, translate):
        status, output, said = self.call(locale, 'run', 'k', '--', 'ssem', 'list')
        self.assertEqual((status, said), (0, b''))
        titles, row = output.decode().splitlines()
        for title, text in [(translate('STATE'), translate('in use')),
                            (translate('KEY'), 'k')]:
            self.assertEqual(width(titles[:titles.rindex(title)]),
                             width(row[:row.rindex(text)]), output.decode())

    def test_in_the_encoding_of_the_locale(self):
        text = translations('fr').gettext('Missing key or command')
        self.assertFalse(text.isascii())
        status, output, said = self.call(FRENCH_LATIN, 'run')
        self.assertEqual(said.splitlines()[0], f'ssem: {text}'.encode('iso-8859-1'))


tap.main()
