# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the checks of the project know from Meson, and how they run other programs."""

import os
import pathlib
import shlex
import subprocess

SOURCE_ROOT = pathlib.Path(os.environ['SSEM_SOURCE_ROOT'])
BUILD_ROOT = pathlib.Path(os.environ['SSEM_BUILD_ROOT'])
HERE = SOURCE_ROOT / 'tests/project'
LIBRARY = os.environ['SSEM_LIBRARY']
VERSION = os.environ['SSEM_VERSION']
CC = shlex.split(os.environ['SSEM_CC'])
CXX = ['g++', '-std=c++17']
BINDINGS = os.environ['SSEM_BINDINGS'].split()

# A build directory may lie anywhere. It has a directory of Meson's. Where GLib is built for Windows,
# it has a cross file, and where libraries for arm64 are unpacked, constants for one.
BUILD_MARKS = ('meson-private', 'cross.ini', 'constants.ini')


def run(*command, **options):
    """Runs a program that has to succeed, and returns its output."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, encoding='utf-8', **options)
    if result.returncode != 0:
        raise AssertionError(f'{shlex.join(result.args)} ended with {result.returncode}:\n'
                             + result.stdout)
    return result.stdout


def source_files():
    """Yields every file of the project, without those of builds, of Git and of npm."""
    for directory, subdirectories, files in os.walk(SOURCE_ROOT):
        subdirectories[:] = [name for name in subdirectories
                             if name not in ('.git', '__pycache__', 'node_modules') and
                             not any(os.path.exists(os.path.join(directory, name, mark))
                                     for mark in BUILD_MARKS)]
        for name in files:
            yield pathlib.Path(directory, name)
