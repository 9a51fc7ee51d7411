# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The API in the vapi, for Vala: default arguments, nullable types and ownership.

The argument is the vapi. The caller owns a result whose type has no "unowned".
"""

import pathlib
import re
import sys
import unittest

import tap

VAPI = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')

# A method with "throws" throws GLib.Error.
MEMBERS = '''
SystemSemaphore (string key, int initial_value = 0, AccessMode mode = AccessMode.OPEN) throws
bool acquire (int n = 1, GLib.Cancellable? cancellable = null) throws
async bool acquire_async (int n = 1, GLib.Cancellable? cancellable = null) throws
bool acquire_interruptible (int n, int64 timeout_usec, GLib.Cancellable? cancellable = null) throws
bool acquire_timeout (int n, int64 timeout_usec, GLib.Cancellable? cancellable = null) throws
async bool acquire_timeout_async (int n, int64 timeout_usec, \
GLib.Cancellable? cancellable = null) throws
SystemSemaphore.for_native_key (string native_key, int initial_value = 0, \
AccessMode mode = AccessMode.OPEN) throws
unowned string? get_address ()
Ssem.Backend get_backend ()
int get_error ()
string get_error_string ()
uint64 get_fencing_token ()
int get_initial_value ()
string? get_key ()
AccessMode get_mode ()
uint get_n_losses ()
string? get_native_key ()
bool get_undo ()
int get_value () throws
async SystemSemaphore.open_async (string key, int initial_value = 0, \
AccessMode mode = AccessMode.OPEN, GLib.Cancellable? cancellable = null) throws
bool release (int n = 1) throws
bool release_one ()
bool set_key (string key, int initial_value = 0, AccessMode mode = AccessMode.OPEN) throws
bool try_acquire (int n = 1) throws
bool try_acquire_one ()
string? address { get; construct; }
Ssem.Backend backend { get; construct; }
int initial_value { get; construct; }
string? key { owned get; construct; }
AccessMode mode { get; construct; }
string? native_key { owned get; construct; }
bool undo { get; construct; }
signal void lost (GLib.Error error)
'''.strip().splitlines()


class Vapi(unittest.TestCase):
    maxDiff = None

    def test_the_class(self):
        head, body = re.search(r'public sealed class SystemSemaphore : (.*?) \{\n(.*?)\n\t\}', VAPI,
                               re.DOTALL).groups()
        self.assertEqual(head, 'GLib.Object, GLib.AsyncInitable, GLib.Initable')
        members = re.findall(r'^\t\tpublic (.*?);?$', body, re.MULTILINE)
        short = [re.sub(r' GLib\.Error$|Ssem\.(?=Access)', '', member) for member in members]
        self.assertEqual(short, MEMBERS)

    def test_the_error_domain(self):
        body, = re.findall(r'public errordomain SystemSemaphoreError \{\n(.*?)\n\t\}', VAPI,
                           re.DOTALL)
        self.assertEqual(re.findall(r'\b[A-Z_]+\b', body), [
            'NO_ERROR', 'PERMISSION_DENIED', 'KEY_ERROR', 'ALREADY_EXISTS', 'NOT_FOUND',
            'OUT_OF_RESOURCES', 'UNKNOWN_ERROR', 'LOST'])
        self.assertIn('public static GLib.Quark quark ()', body)

    def test_the_list(self):
        for text in ['class SemaphoreList : GLib.Object, GLib.ListModel',
                     'SemaphoreList (Ssem.Backend backend = Ssem.Backend.DEFAULT)',
                     'string? address { get; construct; }', 'string? key { get; }',
                     'signal void refreshed (GLib.Error? error)']:
            self.assertIn(f'public {text}'.replace('public class', 'public sealed class'), VAPI)

    def test_holds(self):
        attributes, body = re.search(r'(\[CCode [^\n]*\])\n\t\[Compact\]\n[^\n]*\n'
                                     r'\tpublic class Hold \{\n(.*?)\n\t\}', VAPI, re.DOTALL).groups()
        self.assertIn('ref_function = "ssem_hold_ref"', attributes)
        self.assertIn('unref_function = "ssem_hold_unref"', attributes)
        members = re.findall(r'^\t\tpublic (.*?);?$', body, re.MULTILINE)
        self.assertEqual([member.replace(' GLib.Error', '') for member in members], [
            'Hold (Ssem.SystemSemaphore semaphore, int n = 1, '
            'GLib.Cancellable? cancellable = null) throws',
            'Hold.adopt (Ssem.SystemSemaphore semaphore, int n = 1)',
            'uint64 get_fencing_token ()',
            'Ssem.Hold @ref ()',
            'bool release () throws',
            'void unref ()',
        ])


tap.main()
