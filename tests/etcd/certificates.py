# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Certificates for tests, made by openssl: of an authority, a server, clients, and bad ones.

Keys are of an elliptic curve: they are made in milliseconds.
"""

import pathlib
import ssl
import subprocess

SERVER = 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n'
CLIENT = 'extendedKeyUsage=clientAuth\n'


def run_openssl(*arguments):
    result = subprocess.run(['openssl', *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    if result.returncode != 0:
        raise AssertionError(f'openssl {arguments[0]}: {result.stdout}')


class Certificates:
    """In @directory: NAME.pem and NAME.key of each certificate."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.make_authority('ca', 'Test authority')
        self.make_authority('other-ca', 'Another authority')
        self.make('server', 'ca', SERVER)
        self.make('other-host', 'ca', SERVER.replace('127.0.0.1', '127.0.0.9')
                  .replace('localhost', 'other.invalid'))
        self.make('client', 'ca', CLIENT)
        # Once the server has users, its gateway refuses every request with such a certificate.
        self.make('named-client', 'ca', CLIENT, subject='/CN=me')
        self.make('other-client', 'other-ca', CLIENT)
        self.make('expired', 'ca', SERVER, expired=True)
        self.make('expired-client', 'ca', CLIENT, expired=True)

    def pem(self, name):
        return str(self.directory / f'{name}.pem')

    def key(self, name):
        return str(self.directory / f'{name}.key')

    def make_key(self, name):
        run_openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', self.key(name))

    def make_authority(self, name, title):
        self.make_key(name)
        run_openssl('req', '-x509', '-new', '-key', self.key(name), '-subj', f'/CN={title}',
                    '-days', 10, '-addext', 'basicConstraints=critical,CA:TRUE',
                    '-out', self.pem(name))

    def make(self, name, authority, extensions, expired=False, subject=None):
        """An expired certificate was valid for a day long ago: `openssl x509` takes the end as a
        number of days alone, `openssl ca` takes two dates."""
        request = self.directory / f'{name}.csr'
        extension_file = self.directory / f'{name}.ext'
        extension_file.write_text(extensions)
        self.make_key(name)
        run_openssl('req', '-new', '-key', self.key(name), '-subj', subject or f'/O={name}',
                    '-out', request)
        if not expired:
            run_openssl('x509', '-req', '-in', request, '-CA', self.pem(authority), '-CAkey',
                        self.key(authority), '-CAcreateserial', '-days', 10, '-extfile',
                        extension_file, '-out', self.pem(name))
            return
        config = self.directory / f'{name}.cnf'
        (self.directory / f'{name}.index').write_text('')
        config.write_text(f'''[ca]
default_ca = here
[here]
database = {self.directory}/{name}.index
new_certs_dir = {self.directory}
certificate = {self.pem(authority)}
private_key = {self.key(authority)}
default_md = sha256
rand_serial = yes
policy = any
[any]
organizationName = supplied
''')
        run_openssl('ca', '-batch', '-notext', '-config', config, '-in', request, '-extfile',
                    extension_file, '-startdate', '20200101000000Z', '-enddate', '20200102000000Z',
                    '-out', self.pem(name))

    def context(self):
        """For a client in Python, with a certificate of its own."""
        context = ssl.create_default_context(cafile=self.pem('ca'))
        context.load_cert_chain(self.pem('client'), self.key('client'))
        return context
