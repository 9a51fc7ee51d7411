# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs the unittest cases of a program and reports them as TAP, which Meson counts one by one."""

import faulthandler
import os
import signal
import sys
import unittest

# A test that waits for something that never comes ends here, with a traceback.
WATCHDOG_SECONDS = 60


class TapResult(unittest.TestResult):
    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.faults = []
        self.reason = None

    def say(self, text):
        print(text, file=self.stream, flush=True)

    def bail_out(self, what, why):
        """For a class or a module that cannot be set up: its tests would just be missing."""
        self.say(f'Bail out! {what}: {why}'.replace('\n', ' | '))
        os._exit(1)

    def startTest(self, test):
        super().startTest(test)
        self.faults = []
        self.reason = None
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)

    def stopTest(self, test):
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        name = test.id().removeprefix('__main__.')
        if self.faults:
            self.say(f'not ok {self.testsRun} {name}')
            for fault in self.faults:
                self.say('\n'.join('# ' + line for line in fault.splitlines()))
        elif self.reason is not None:
            self.say(f'ok {self.testsRun} {name} # SKIP {self.reason}')
        else:
            self.say(f'ok {self.testsRun} {name}')

    def add_fault(self, test, err):
        text = self._exc_info_to_string(err, test)
        if not isinstance(test, unittest.TestCase):
            self.bail_out(test.id(), text)
        self.faults.append(text)

    def addError(self, test, err):
        super().addError(test, err)
        self.add_fault(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.add_fault(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.faults.append(f'{subtest}\n' + self._exc_info_to_string(err, test))

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.faults.append('It was expected to fail, and did not.')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if not isinstance(test, unittest.TestCase):
            self.bail_out(test.id(), reason)
        self.reason = reason


def restore_signals():
    """Undoes nohup and the like: programs that a test starts would inherit ignored signals."""
    for number in [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def main():
    """Runs every test of the program; what they print goes to the standard error."""
    restore_signals()
    stream, sys.stdout = sys.stdout, sys.stderr
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    result = TapResult(stream)
    result.say(f'1..{suite.countTestCases()}')
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
