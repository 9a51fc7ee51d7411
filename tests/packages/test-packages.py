# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Builds the Debian packages, checks them with lintian, installs them into a scratch root, uses them
from each language, and removes them without a trace.

The scratch root is this system below an overlay: programs find the compilers and libraries of the
system, and all that is written goes to a directory of the test. That needs the rights of root.
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import tap

# The build takes longer than other tests.
tap.WATCHDOG_SECONDS = 800

ROOT = pathlib.Path(os.environ['SSEM_SOURCE_ROOT'])
PACKAGES = ['gir1.2-ssem-1', 'libssem-1-0', 'libssem-dev', 'libssem-etcd', 'python3-ssem', 'ssem',
            'ssem-doc']
PROGRAMS = ['dpkg-buildpackage', 'lintian', 'unshare', 'gjs', 'valac', 'cc', 'man']
# What dpkg and ldconfig write. man-db, too.
RECORDS = ('var/lib/dpkg', 'var/log', 'var/cache', 'var/lib/systemd', 'etc/ld.so.cache', 'tmp')
# Nothing of the build directory, nor of another Python, may help.
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/nonexistent', 'LC_ALL': 'C.UTF-8',
               'DEBIAN_FRONTEND': 'noninteractive'}

# Enters the scratch root, and executes a command there.
ENTER = '''
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$2,workdir=$1/work" "$1/root" 2>/dev/null ||
  { mkdir "$1/upper"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"; }
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
cp "$3" "$1/root/tmp/steps"
cp -r "$4" "$1/root/tmp/packages"
status=0
chroot "$1/root" sh -e /tmp/steps || status=$?
umount "$1/root/tmp"
[ ! -d "$1/upper" ] || cp -a "$1/upper/." "$2/"
exit $status
'''


def samples():
    """Returns the programs of the README, by language."""
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    text = text[text.index('\n## Example'):text.index('\n## From the shell')]
    return dict(re.findall(r'```(c|python|js|vala)\n(.*?)```', text, re.S))


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding='utf-8', errors='replace', env=ENVIRONMENT, check=False,
                          timeout=700, **options)


def reason_to_skip():
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f'not installed: {", ".join(missing)}'
    with tempfile.TemporaryDirectory(prefix='ssem-test-') as directory:
        os.mkdir(f'{directory}/debian')
        shutil.copy(ROOT / '.debian/control', f'{directory}/debian')
        checked = run('dpkg-checkbuilddeps', cwd=directory)
    return checked.stdout.strip() if checked.returncode != 0 else None


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class Packages(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='ssem-test-'))
        self.addCleanup(shutil.rmtree, self.directory)
        self.packages = self.directory / 'packages'

    def succeed(self, *command, **options):
        done = run(*command, **options)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        return done.stdout

    def in_scratch_root(self, steps):
        """Runs shell commands. Returns their output, and the directory of what they have written."""
        (self.directory / 'steps').write_text(steps, encoding='utf-8')
        scratch, written = self.directory / 'scratch', self.directory / 'written'
        scratch.mkdir()
        written.mkdir()
        return self.succeed('unshare', '--mount', 'sh', '-c', ENTER, 'sh', scratch, written,
                            self.directory / 'steps', self.packages), written

    def traces(self, written):
        """Returns the paths that are new, changed or gone, other than the records of programs."""
        found = []
        for path in written.rglob('*'):
            name = str(path.relative_to(written))
            is_directory = stat.S_ISDIR(path.lstat().st_mode)
            # The overlay copies directories in which something was changed.
            if not name.startswith(RECORDS) and not (is_directory and os.path.isdir('/' + name)):
                found.append(name)
        return found

    def test_all(self):
        self.succeed('sh', ROOT / '.debian/build.sh', self.packages)
        names = sorted(path.name.split('_')[0] for path in self.packages.iterdir())
        self.assertEqual(names, PACKAGES)
        found = run('lintian', *['--allow-root'] * (os.geteuid() == 0), '--fail-on', 'error',
                    *self.packages.iterdir())
        self.assertEqual(found.returncode, 0, found.stdout)

        if os.geteuid() != 0:
            self.skipTest('built and checked; only root can make the scratch root')
        if run('dpkg-query', '--show', 'ssem').returncode == 0:
            self.skipTest('built and checked; the package is installed already')
        steps = ['dpkg --install /tmp/packages/*.deb', 'cd /tmp', 'mkdir keys',
                 'export SSEM_RUNTIME_DIR=/tmp/keys']
        commands = {
            'c': 'cc market.c -o market $(pkg-config --cflags --libs ssem-1) && ./market',
            'python': '/usr/bin/python3 market.python',
            'js': 'gjs -m market.js',
            'vala': 'valac --pkg ssem-1 -o market-vala market.vala && ./market-vala',
        }
        texts = samples()
        self.assertEqual(set(texts), set(commands))
        for language, text in texts.items():
            steps.append(f"cat >market.{language} <<'END'\n{text}END\n"
                         f'echo | {{ {commands[language]}; }} | grep -q "You have a unit" && '
                         f'echo used from {language}')
        steps += ['ssem run market -c "ssem show market | grep -c ssem.show"',
                  'test -z "$(ssem list)"',
                  'man ssem >/dev/null',
                  'test -f /usr/share/doc/ssem-1/index.html',
                  'ssem list --backend etcd 2>&1 | grep -v "ssem-1/modules"',
                  f'dpkg --purge {" ".join(PACKAGES)}', 'echo removed']
        output, written = self.in_scratch_root('\n'.join(steps))
        for language in commands:
            self.assertIn(f'\nused from {language}\n', output)
        self.assertTrue(output.endswith('\nremoved\n'), output)
        self.assertEqual(self.traces(written), [])
        self.assertNotEqual(list(written.iterdir()), [])


if 'SSEM_TEST_THOROUGH' not in os.environ:
    print('1..0 # SKIP only in the set-up "thorough": it builds everything once more')
    sys.exit(0)
tap.main()
