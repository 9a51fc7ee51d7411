# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""TLS, users and passwords: what is right works, and what is wrong is an error that says what."""

import contextlib
import pathlib
import re
import tempfile
import unittest

import tap
from certificates import Certificates
from semaphores import Refused, wait_until
from servers import Cluster, require
from workers import GIO, OURS, Worker

TLS = 'g-tls-error-quark'
PERMISSION_DENIED = 1
PASSWORDS = {'me': 'secret:with:colons', 'other': 'else'}
# Hashing a password takes most of a test's time otherwise.
CHEAP = ['--bcrypt-cost', '4']


class AccessCase(unittest.TestCase):
    """Opens a semaphore with variables of the class and of the test."""

    variables = {}

    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix='ssem-test-tls-'))
        cls.directory = pathlib.Path(directory)
        cls.certificates = Certificates(directory)

    def start(self, cluster, endpoints=None, **variables):
        worker = Worker(endpoints or cluster.endpoints, **{**self.variables, **variables})
        self.addCleanup(worker.end)
        return worker

    def works(self, cluster, **variables):
        worker = self.start(cluster, **variables)
        worker.open_surely('key', 2)
        worker.acquire()
        self.assertEqual(worker.value(), 1)
        worker.release()
        worker.leave()

    def refused(self, cluster, pattern, domain=None, code=None, **variables):
        """Returns how opening was refused."""
        worker = self.start(cluster, **variables)
        with self.assertRaises(Refused) as caught:
            worker.open_surely('key', 2)
        refused = caught.exception
        self.assertRegex(refused.message, re.compile(pattern, re.IGNORECASE))
        if domain:
            self.assertEqual((refused.domain, refused.code), (domain, code), refused.message)
        worker.leave()
        return refused


class Transport(AccessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pem, cls.key = cls.certificates.pem, cls.certificates.key
        cls.cluster = cls.enterClassContext(Cluster(certificates=cls.certificates))

    def test_right(self):
        self.works(self.cluster, cacert=self.pem('ca'))

    def test_wrong_authority(self):
        """The message names the endpoint and the cause."""
        for variables in ({}, {'cacert': self.pem('other-ca')}):
            refused = self.refused(self.cluster, r'127\.0\.0\.1:\d+.*certificate', **variables)
            self.assertIn(refused.domain, (TLS, GIO))

    def test_bad_certificates_of_servers(self):
        for server, pattern in (('expired', 'expired'), ('other-host', 'identity|host|match')):
            with self.subTest(server), \
                    Cluster(certificates=self.certificates, server=server) as cluster:
                self.refused(cluster, f'certificate.*({pattern})', cacert=self.pem('ca'))

    def test_wrong_scheme(self):
        """Each side speaks what the other does not expect; nothing hangs."""
        self.refused(self.cluster, r'127\.0\.0\.1:\d+',
                     endpoints=self.cluster.endpoints.replace('https', 'http'))
        with Cluster() as plain:
            self.refused(plain, r'127\.0\.0\.1:\d+', cacert=self.pem('ca'),
                         endpoints=plain.endpoints.replace('http', 'https'))

    def test_bad_files(self):
        """The variable is named, or the file."""
        text = self.directory / 'text.pem'
        text.write_text('This is no certificate.\n')
        missing = str(self.directory / 'missing.pem')
        for name in ('cacert', 'cert', 'key'):
            right = {'cacert': self.pem('ca'), 'cert': self.pem('client'),
                     'key': self.key('client')}
            for path in (str(text), missing):
                with self.subTest(name=name, path=path):
                    # A file with a certificate and no key is the certificate's fault.
                    self.refused(self.cluster, f'SSEM_ETCD_{name.upper()}|{path}|private key',
                                 **{**right, name: path})


class ClientCertificates(AccessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pem, cls.key = cls.certificates.pem, cls.certificates.key
        cls.cluster = cls.enterClassContext(
            Cluster(certificates=cls.certificates, ask_clients=True, arguments=CHEAP))
        cls.variables = {'cacert': cls.pem('ca')}

    def certificate(self, name):
        return {'cert': self.pem(name), 'key': self.key(name)}

    def test_right(self):
        self.works(self.cluster, **self.certificate('client'))
        self.works(self.cluster, **self.certificate('named-client'))

    def test_wrong(self):
        self.refused(self.cluster, r'127\.0\.0\.1:\d+')
        for name in ('other-client', 'expired-client'):
            with self.subTest(name):
                self.refused(self.cluster, r'127\.0\.0\.1:\d+.*certificate',
                             **self.certificate(name))

    def test_with_users(self):
        """A certificate with a common name cannot be used together with a user: etcd's gateway
        refuses that (etcd pull request 10366). The message of the server says so."""
        with Cluster(certificates=self.certificates, ask_clients=True,
                     arguments=CHEAP) as cluster:
            cluster.enable_users(PASSWORDS)
            self.works(cluster, user='me:' + PASSWORDS['me'], **self.certificate('client'))
            self.refused(cluster, 'CommonName', user='me:' + PASSWORDS['me'],
                         **self.certificate('named-client'))


class Users(AccessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = cls.enterClassContext(Cluster(arguments=CHEAP))
        cls.cluster.enable_users(PASSWORDS)

    def test_right(self):
        for name, password in PASSWORDS.items():
            self.works(self.cluster, user=f'{name}:{password}')

    def test_wrong(self):
        for user in ('me:wrong', 'nobody:secret', 'me:'):
            with self.subTest(user):
                self.refused(self.cluster, 'password|user', user=user)

    def test_missing(self):
        self.refused(self.cluster, 'user|SSEM_ETCD_USER')

    def test_malformed(self):
        self.refused(self.cluster, 'SSEM_ETCD_USER', user='me')

    def test_no_right_to_the_prefix(self):
        self.refused(self.cluster, 'rights|permission', OURS, PERMISSION_DENIED,
                     user='me:' + PASSWORDS['me'], prefix='/elsewhere/')

    def test_password_is_not_told(self):
        """In no message."""
        refused = self.refused(self.cluster, 'password|user', user='me:guessed-word')
        self.assertNotIn('guessed-word', refused.message)

    def forget_tokens(self):
        """Lets the server forget every token, as their time would; ours, too."""
        self.cluster.ask('auth/disable')
        self.cluster.token = None
        self.cluster.ask('auth/enable')
        self.cluster.log_in()

    def test_token_is_renewed(self):
        """While a process holds, waits, releases: a new token, and nothing is lost."""
        user = 'me:' + PASSWORDS['me']
        holder, waiter = (self.start(self.cluster, user=user, ttl=4) for _ in range(2))
        holder.open_surely('renewed', 1)
        waiter.open_surely('renewed', 1)
        token = holder.acquire()
        self.forget_tokens()
        self.assertEqual(holder.value(), 0)
        self.forget_tokens()
        waiter.send('acquire', 'a', 1, -1)
        with self.cluster.gateway() as gateway:
            wait_until(lambda: any('/waiter/' in name for name in gateway.get('/ssem/1/')),
                       'a waiter')
        self.forget_tokens()
        holder.release()
        self.assertGreater(waiter.reply(), token)
        self.forget_tokens()
        waiter.release()
        for worker in (holder, waiter):
            self.assertEqual(worker.lost, [])
            worker.leave()

    def test_token_runs_out(self):
        """By its time, which is shorter here than the pauses between keep-alives."""
        with Cluster(arguments=[*CHEAP, '--auth-token-ttl', '1']) as cluster:
            cluster.enable_users(PASSWORDS)
            holder = self.start(cluster, user='me:' + PASSWORDS['me'], ttl=6)
            holder.open_surely('runs-out', 1)
            holder.acquire()
            with cluster.gateway() as gateway:
                lease, = self.leases_of(gateway, cluster)
                for _ in range(3):
                    self.wait_for_keep_alive(gateway, cluster, lease)
            self.assertEqual(holder.value(), 0)
            holder.release()
            self.assertEqual(holder.lost, [])
            holder.leave()

    def leases_of(self, gateway, cluster):
        cluster.log_in()
        gateway.token = cluster.token
        return gateway.leases()

    def wait_for_keep_alive(self, gateway, cluster, lease):
        """The time that is left of a lease only grows by a keep-alive."""
        left = []

        def has_grown():
            with contextlib.suppress(KeyError):
                left.append(int(gateway.ask('lease/timetolive', {'ID': str(lease)})['TTL']))
            return len(left) > 1 and left[-1] > left[-2]
        wait_until(has_grown, 'a keep-alive')


require()
tap.main()
