# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The API in the typelib, for all languages; and the documentation in the GIR file, which must be
complete. The arguments are the library and the GIR file.
"""

import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

import gi

gi.require_version('GIRepository', '2.0')
gi.require_version('Ssem', '1')
from gi.repository import GIRepository, GLib, Ssem  # noqa: E402

import tap  # noqa: E402

LIBRARY, GIR = sys.argv[1:]
CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'

# name: (type of the result, whether the method throws, arguments). A type with "?" may be null. The
# caller frees a type with "!".
METHODS = {
    'new': ('SystemSemaphore!', True, ['key: utf8', 'initial_value: gint32', 'mode: AccessMode']),
    'new_for_native_key': ('SystemSemaphore!', True,
                           ['native_key: utf8', 'initial_value: gint32', 'mode: AccessMode']),
    'new_async': ('void', False,
                  ['key: utf8', 'initial_value: gint32', 'mode: AccessMode',
                   'cancellable: Cancellable?', 'callback: AsyncReadyCallback? async',
                   'user_data: gpointer?']),
    'new_finish': ('SystemSemaphore!', True, ['result: AsyncResult']),
    'set_key': ('gboolean', True, ['key: utf8', 'initial_value: gint32', 'mode: AccessMode']),
    'acquire': ('gboolean', True, ['n: gint32', 'cancellable: Cancellable?']),
    'try_acquire': ('gboolean', True, ['n: gint32']),
    'try_acquire_one': ('gboolean', False, []),
    'acquire_timeout': ('gboolean', True,
                        ['n: gint32', 'timeout_usec: gint64', 'cancellable: Cancellable?']),
    'acquire_interruptible': ('gboolean', True,
                              ['n: gint32', 'timeout_usec: gint64', 'cancellable: Cancellable?']),
    'acquire_async': ('void', False,
                      ['n: gint32', 'cancellable: Cancellable?',
                       'callback: AsyncReadyCallback? async', 'user_data: gpointer?']),
    'acquire_finish': ('gboolean', True, ['result: AsyncResult']),
    'acquire_timeout_async': ('void', False,
                              ['n: gint32', 'timeout_usec: gint64', 'cancellable: Cancellable?',
                               'callback: AsyncReadyCallback? async', 'user_data: gpointer?']),
    'acquire_timeout_finish': ('gboolean', True, ['result: AsyncResult']),
    'release': ('gboolean', True, ['n: gint32']),
    'release_one': ('gboolean', False, []),
    'get_value': ('gint32', True, []),
    'get_fencing_token': ('guint64', False, []),
    'get_n_losses': ('guint32', False, []),
    'get_error': ('SystemSemaphoreError', False, []),
    'get_error_string': ('utf8!', False, []),
    'get_key': ('utf8?!', False, []),
    'get_native_key': ('utf8?!', False, []),
    'get_initial_value': ('gint32', False, []),
    'get_mode': ('AccessMode', False, []),
    'get_undo': ('gboolean', False, []),
    'get_backend': ('Backend', False, []),
    'get_address': ('utf8?', False, []),
}

ENUMERATIONS = {
    'AccessMode': ['open', 'create', 'open_existing', 'create_exclusive', 'join'],
    'Backend': ['default', 'shared_memory', 'sysv', 'windows', 'posix', 'etcd'],
    'QtNaming': ['legacy', 'platform_safe'],
    'SystemSemaphoreError': ['no_error', 'permission_denied', 'key_error', 'already_exists',
                             'not_found', 'out_of_resources', 'unknown_error', 'lost'],
}

repository = GIRepository.Repository.get_default()


def describe_type(type_info, may_be_null, is_owned):
    interface = GIRepository.type_info_get_interface(type_info)
    if interface is not None:
        name = interface.get_name()
    else:
        tag = GIRepository.type_info_get_tag(type_info)
        name = GIRepository.type_tag_to_string(tag)
        if name == 'void' and GIRepository.type_info_is_pointer(type_info):
            name = 'gpointer'
    return name + '?' * may_be_null + '!' * is_owned


def is_owned(transfer):
    return transfer == GIRepository.Transfer.EVERYTHING


def describe_argument(argument):
    text = argument.get_name() + ': ' + describe_type(
        GIRepository.arg_info_get_type(argument),
        GIRepository.arg_info_may_be_null(argument),
        is_owned(GIRepository.arg_info_get_ownership_transfer(argument)))
    if GIRepository.arg_info_get_direction(argument) != GIRepository.Direction.IN:
        text += ' out'
    if GIRepository.arg_info_get_scope(argument) == GIRepository.ScopeType.ASYNC:
        text += ' async'
    return text


def describe(method):
    flags = GIRepository.function_info_get_flags(method)
    return (
        describe_type(GIRepository.callable_info_get_return_type(method),
                      GIRepository.callable_info_may_return_null(method),
                      is_owned(GIRepository.callable_info_get_caller_owns(method))),
        bool(flags & GIRepository.FunctionInfoFlags.THROWS),
        [describe_argument(GIRepository.callable_info_get_arg(method, i))
         for i in range(GIRepository.callable_info_get_n_args(method))],
    )


class Typelib(unittest.TestCase):
    maxDiff = None

    def test_methods(self):
        info = repository.find_by_name('Ssem', 'SystemSemaphore')
        found = [GIRepository.object_info_get_method(info, i)
                 for i in range(GIRepository.object_info_get_n_methods(info))]
        self.assertEqual({method.get_name(): describe(method) for method in found}, METHODS)

    def test_properties_have_getters(self):
        properties = ElementTree.parse(GIR).iter(CORE + 'property')
        getters = {element.get('name'): element.get('getter') for element in properties}
        self.assertEqual(getters, {name: 'get_' + name.replace('-', '_') for name in
                                   ['key', 'initial-value', 'mode', 'undo', 'backend',
                                    'native-key', 'address', 'info', 'value', 'n-holders',
                                    'n-waiters', 'interval-usec']})

    def test_interfaces(self):
        info = repository.find_by_name('Ssem', 'SystemSemaphore')
        names = [GIRepository.object_info_get_interface(info, i).get_name()
                 for i in range(GIRepository.object_info_get_n_interfaces(info))]
        self.assertEqual(sorted(names), ['AsyncInitable', 'Initable'])

    def test_enumerations(self):
        for name, members in ENUMERATIONS.items():
            info = repository.find_by_name('Ssem', name)
            found = [GIRepository.enum_info_get_value(info, i)
                     for i in range(GIRepository.enum_info_get_n_values(info))]
            self.assertEqual([(value.get_name(), GIRepository.value_info_get_value(value))
                              for value in found],
                             [(member, number) for number, member in enumerate(members)])

    def test_error_domain(self):
        info = repository.find_by_name('Ssem', 'SystemSemaphoreError')
        domain = 'ssem-system-semaphore-error-quark'
        self.assertEqual(GIRepository.enum_info_get_error_domain(info), domain)
        self.assertEqual(Ssem.SystemSemaphoreError.quark(), GLib.quark_from_string(domain))

    def test_versions(self):
        numbers = [Ssem.MAJOR_VERSION, Ssem.MINOR_VERSION, Ssem.MICRO_VERSION]
        self.assertEqual('.'.join(map(str, numbers)), Ssem.VERSION_S)
        self.assertEqual([*Ssem.get_version()], numbers)
        major, minor, micro = numbers
        for older in [(major, minor, micro), (major - 1, minor + 1, micro), (0, 0, 0)]:
            self.assertTrue(Ssem.check_version(*older), older)
        for newer in [(major, minor, micro + 1), (major, minor + 1, 0), (major + 1, 0, 0)]:
            self.assertFalse(Ssem.check_version(*newer), newer)

    def test_shared_library(self):
        dump = subprocess.run(['objdump', '-p', LIBRARY], check=True, stdout=subprocess.PIPE,
                              encoding='utf-8').stdout
        sonames = [line.split()[1] for line in dump.splitlines() if line.split()[:1] == ['SONAME']]
        self.assertEqual([repository.get_shared_library('Ssem')], sonames)

    def test_no_other_names(self):
        names = [repository.get_info('Ssem', i).get_name()
                 for i in range(repository.get_n_infos('Ssem'))]
        self.assertEqual(sorted(names), [
            'AccessMode', 'Backend', 'Hold', 'MAJOR_VERSION', 'MICRO_VERSION', 'MINOR_VERSION',
            'ProcessInfo', 'QtNaming', 'SemaphoreInfo', 'SemaphoreItem', 'SemaphoreItemClass',
            'SemaphoreList', 'SemaphoreListClass', 'SystemSemaphore', 'SystemSemaphoreClass',
            'SystemSemaphoreError', 'VERSION_S', 'backend_is_supported', 'check_version',
            'get_version', 'native_key_for_qt',
            'semaphore_info_count_others', 'semaphore_info_list', 'semaphore_info_list_at',
            'semaphore_info_query', 'semaphore_info_query_at', 'semaphore_info_query_native',
            'semaphore_remove_leftover', 'semaphore_remove_leftover_at',
            'semaphore_remove_leftover_native', 'semaphore_reset', 'semaphore_reset_at',
            'semaphore_reset_native', 'system_semaphore_error_quark'])


class Documentation(unittest.TestCase):
    # The kinds of elements that need documentation, as do their parameters and results.
    KINDS = ['bitfield', 'callback', 'class', 'constant', 'constructor', 'enumeration', 'function',
             'function-macro', 'interface', 'member', 'method', 'property', 'record', 'signal',
             'virtual-method']

    def find_elements(self):
        namespace = ElementTree.parse(GIR).getroot().find(CORE + 'namespace')
        for element in namespace.iter():
            kind = element.tag.removeprefix(CORE)
            # Programs cannot use the record of the class structure, which the scanner adds.
            if kind in self.KINDS and element.get('disguised') != '1' and \
               element.get(GLIB + 'is-gtype-struct-for') is None:
                yield kind, element

    def test_everything_has_a_text(self):
        missing = []
        n_texts = 0
        for kind, element in self.find_elements():
            name = kind + ' ' + (element.get(C + 'identifier') or element.get('name'))
            parts = [(name, element)]
            for part in element.findall(f'{CORE}parameters/{CORE}parameter'):
                parts.append((f'{name}: {part.get("name")}', part))
            result = element.find(CORE + 'return-value')
            returns_something = result is not None and kind != 'function-macro' and \
                result.find(f'{CORE}type[@name="none"]') is None
            if returns_something:
                parts.append((name + ': result', result))
            for part_name, part in parts:
                n_texts += 1
                if not part.findtext(CORE + 'doc', '').strip():
                    missing.append(part_name)
        self.assertEqual(missing, [])
        # The search must have found the elements.
        self.assertGreater(n_texts, 60)

    def test_everything_has_a_version(self):
        missing = [element.get('name') for kind, element in self.find_elements()
                   if kind != 'member' and element.get('version') is None]
        self.assertEqual(missing, [])


tap.main()
