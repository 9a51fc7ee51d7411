# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Checks the tools of the other tests: that the checker sees what is wrong, that each fault of the
proxy does what it says, and that servers end with the process that started them."""

import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import tap
from gateway import Gateway
from history import History
from proxy import APPLYING, FAULTS, FaultAt, Proxy
from semaphores import wait_until
from servers import Cluster, require

# Two processes, two units: each line is "PID TIME EVENT ...".
GOOD = '''1 100 open
2 101 open
1 110 acquire 1
1 120 granted 1 5
2 121 acquire 1
2 130 granted 1 6
1 140 release 1
1 150 released
1 151 acquire 2
2 152 release 1
2 153 released
1 160 granted 2 9
1 170 release 2
1 171 released
2 172 acquire 2
2 173 failed 124 Timed out
1 180 end
2 181 end
'''


class Checker(unittest.TestCase):
    def history(self, text, total=2, kills=None, stops=()):
        with tempfile.NamedTemporaryFile('w', prefix='ssem-test-') as file:
            file.write(text)
            file.flush()
            history = History(total)
            for pid, usec in (kills or {}).items():
                history.note_kill(pid, usec)
            for pid, begin, end in stops:
                history.note_stop(pid, begin, end)
            history.read(file.name)
            return history

    def refuse(self, pattern, *arguments, **options):
        with self.assertRaisesRegex(AssertionError, pattern):
            self.history(*arguments, **options).check()

    def replaced(self, old, new):
        self.assertIn(old, GOOD)
        return GOOD.replace(old, new)

    def test_good(self):
        history = self.history(GOOD)
        history.check()
        self.assertEqual(history.counts['granted'], 3)

    def test_too_many_units(self):
        self.refuse('at 130, 2 of 1 units are held', GOOD, total=1)
        self.refuse('at 160, 3 of 2 units', self.replaced('2 152 release 1\n2 153 released',
                                                          '2 165 release 1\n2 166 released'))

    def test_old_token(self):
        self.refuse('token 4', self.replaced('granted 2 9', 'granted 2 4'))
        self.refuse('token 6', self.replaced('granted 2 9', 'granted 2 6'))

    def test_equal_tokens(self):
        # Granted together, two units of two: good.
        text = self.replaced('2 121 acquire', '2 111 acquire').replace('granted 1 6', 'granted 1 5')
        self.history(text).check()
        self.refuse('token 5 is that of 2 holds', text, total=1)
        self.refuse('token 0', self.replaced('granted 1 5', 'granted 1 0'))

    def test_killed(self):
        """Who is killed holds until then, and no longer."""
        text = '1 10 acquire 2\n1 20 granted 2 3\n2 30 acquire 2\n2 50 granted 2 7\n'
        self.refuse('at 50, 4 of 2', text)
        self.refuse('at 50, 4 of 2', text, kills={1: 60})
        self.history(text, kills={1: 40}).check()

    def test_lost(self):
        text = '1 10 acquire 2\n1 20 granted 2 3\n1 40 lost\n2 30 acquire 2\n2 50 granted 2 7\n'
        self.history(text).check()
        self.refuse('at 50, 4 of 2', text.replace('40 lost', '60 lost'))
        self.history(text + '1 70 release 2\n1 80 unreleased 7 Lost\n').check()
        self.refuse('a release succeeded', text + '1 70 release 2\n1 80 released\n')
        # The loss was noticed during the release.
        text = '1 10 acquire 2\n1 20 granted 2 3\n1 40 release 2\n1 50 lost\n1 60 released\n'
        self.history(text).check()

    def test_stopped(self):
        text = ('1 10 acquire 2\n1 20 granted 2 3\n2 30 acquire 2\n2 50 granted 2 7\n'
                '1 70 lost\n1 72 release 2\n')
        self.history(text + '1 80 unreleased 7 Lost\n', stops=[(1, 40, 60)]).check()
        self.refuse('a release succeeded', text + '1 80 released\n', stops=[(1, 40, 60)])
        self.refuse('a release succeeded', text.replace('1 70 lost\n', '') + '1 80 released\n',
                    stops=[(1, 40, 60)])
        self.refuse('at 50, 4 of 2', text, stops=[(1, 55, 60)])

    def test_unexpected_error(self):
        self.refuse('2 173 failed 6', self.replaced('failed 124', 'failed 6'))


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())
        cls.port = cls.cluster.members[0].client_port

    def test_faults(self):
        """No fault but "delay" lets the right answer through; each is seen by one request only."""
        for fault in FAULTS:
            with self.subTest(fault):
                name = f'/fault/{fault}'
                plan = FaultAt(fault, 2)
                with Proxy(self.port, plan=plan) as proxy:
                    with Gateway(proxy.endpoint, seconds=0.5) as gateway:
                        gateway.put('/first', '')
                        try:
                            answer = gateway.put(name, 'value')
                        except Exception as error:
                            answer = error
                    is_answered = isinstance(answer, dict) and 'header' in answer
                    self.assertEqual(is_answered, fault == 'delay', answer)
                    self.assertEqual(plan.hit.path, 'kv/put')

                    with self.cluster.gateway() as direct:
                        if fault in APPLYING:
                            wait_until(lambda: direct.get(name), f'{fault}: it is applied')
                        else:
                            self.assertEqual(direct.get(name), {})

                    def is_reached():
                        try:
                            with Gateway(proxy.endpoint) as gateway:
                                return gateway.get('/first')
                        except ConnectionError:
                            return False
                    wait_until(is_reached, f'{fault}: the next request is passed on')

    def test_cut(self):
        with self.cluster.gateway() as direct, Proxy(self.port) as proxy:
            with Gateway(proxy.endpoint, seconds=0.5) as gateway:
                stream = gateway.watch('/cut/')
                self.assertTrue(next(stream)['created'])
                proxy.cut()
                direct.put('/cut/one', '')
                with self.assertRaises(TimeoutError):
                    next(stream)
            proxy.mend()
            with Gateway(proxy.endpoint) as gateway:
                self.assertIn('/cut/one', gateway.get('/cut/'))

    def test_ends_with_its_owner(self):
        """A killed with-server.py leaves no server, and the next one removes its data."""
        program = pathlib.Path(__file__).with_name('with-server.py')
        with subprocess.Popen([sys.executable, program, 'sh', '-c',
                               'echo $SSEM_ETCD_ENDPOINTS; read line'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            endpoint = process.stdout.readline().strip()
            with Gateway(endpoint) as gateway:
                gateway.put('/there', '')
            process.send_signal(signal.SIGKILL)

        def is_gone():
            try:
                with Gateway(endpoint) as gateway:
                    gateway.get('/there')
                return False
            except ConnectionRefusedError:
                return True
            except ConnectionError:
                return False
        wait_until(is_gone, 'the server is gone')
        with Cluster():
            where = pathlib.Path(self.cluster.directory).parent
            self.assertEqual([*where.glob(f'ssem-test-etcd-{process.pid}-*')], [])

    def test_passes_on_the_status(self):
        program = pathlib.Path(__file__).with_name('with-server.py')
        for command, status in (('exit 7', 7), ('kill -TERM $$', 128 + signal.SIGTERM)):
            result = subprocess.run([sys.executable, program, 'sh', '-c', command], check=False)
            self.assertEqual(result.returncode, status)


require()
tap.main()
