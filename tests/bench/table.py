# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Prints figures: on the terminal, and separated by tabs."""

import math

# Where greatest and least are four thirds apart, 1.15 cannot be distinguished from 1.5.
WIDE = 1.33
COLUMNS = ('backend', 'scenario', 'title', 'status', 'unit', 'ours', 'peer_name', 'peer', 'kind',
           'median', 'min', 'max', 'sense', 'bar', 'met', 'aim', 'aim_met', 'processor', 'date')


def format_value(unit, number):
    value = float(number)
    if unit == 'ns':
        if value < 1e4:
            return f'{value:.{int(value < 100)}f} ns'
        if value < 1e7:
            return f'{value / 1e3:.{int(value < 1e5)}f} µs'
        return f'{value / 1e6:.{int(value < 1e8)}f} ms'
    if unit == '1/s' and value < 1e3:
        return f'{value:.0f} /s'
    if unit == '1/s':
        return (f'{value / 1e3:.{int(value < 1e5)}f} k/s' if value < 1e6
                else f'{value / 1e6:.2f} M/s')
    if unit == '%':
        return f'{value:.{1 if value >= 10 else 2}f} %'
    return f'{value:.6g}'


def format_figure(number):
    """Returns three significant digits: 0.0671 and 12.3."""
    value = float(number)
    decimals = 0 if value == 0 else min(max(2 - math.floor(math.log10(abs(value))), 0), 4)
    return f'{value:.{decimals}f}'


def format_result(line, number):
    """Returns a result or a bar of a line: a ratio has no unit, everything else has."""
    if line['kind'] == 'ratio' or not line['unit']:
        return format_figure(number)
    return format_value(line['unit'], number)


def format_median(line):
    """Returns what the line's comparison comes to, or nothing for a value: it is ours already."""
    if line['kind'] == 'value':
        return ''
    return format_result(line, line['median'])


def print_head(backend):
    print(f'\nbackend {backend}')
    print(f'{"scenario":23} {"":34} {"ours":>10}  {"peer":23} {"ratio":>8}  {"min .. max":20} '
          f'{"bar":10} met  {"aim":10} met', flush=True)


def print_line(line):
    head = f'{line["scenario"]:23} {line["title"]:34}'
    if line['status'] != 'done':
        word = 'FAILED' if line['status'] == 'failed' else line['status']
        print(f'{head} {word}: {line["message"]}', flush=True)
        return
    peer = '-'
    if line['peer_name']:
        peer = f'{line["peer_name"]} {format_value(line["unit"], line["peer"])}'
    spread = f'{format_result(line, line["min"])} .. {format_result(line, line["max"])}'
    bar, aim = ('-' if line[name] is None else
                f'{line["sense"]} {format_result(line, line[name])}' for name in ('bar', 'aim'))
    wide = '  (wide)' if line['max'] > line['min'] * WIDE else ''
    print(f'{head} {format_value(line["unit"], line["ours"]):>10}  {peer:23} '
          f'{format_median(line):>8}  {spread:20} {bar:10} {line["met"]:3}  {aim:10} '
          f'{line["aim_met"]:3}{wide}', flush=True)


def write_head(file):
    print(*COLUMNS, sep='\t', file=file)


def write_line(file, line):
    cells = (line.get(column) for column in COLUMNS)
    print(*('' if cell is None else cell if isinstance(cell, str) else f'{cell:.6g}'
            for cell in cells), sep='\t', file=file)
