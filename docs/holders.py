# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Draws and tabulates what an operation costs against the number of processes that hold units.

It takes the rows of the scenarios crowd-try-N and crowd-kill-N with shared memory. Their peer is
System V, measured in the same turns."""

import math
import re
import sys

BACKEND = 'shared-memory'
SERIES = [('ours', 'Ssem, shared memory', '#1a5fb4'), ('peer', 'System V', '#c64600')]

# Pattern of the scenarios, and the title.
TRY = (r'crowd-try-(\d+)/try', 'A try that fails')
KILL = (r'crowd-kill-(\d+)/semop', 'SIGKILL to wake-up, as many waiting')
CPU = (r'crowd-kill-(\d+)/cpu', 'CPU time for the death')

PANEL_WIDTH, PANEL_HEIGHT = 350, 420
TOP, BOTTOM = 84, PANEL_HEIGHT - 50


# The rules win over the colours in the attributes.
DARK_STYLE = '''<style>@media (prefers-color-scheme: dark) {
text { fill: #deddda } text[fill="#555555"] { fill: #b0afac }
rect[fill="#ffffff"] { fill: #242424 } [stroke="#cccccc"] { stroke: #55545a }
[stroke="#000000"] { stroke: #ffffff } [stroke="#555555"] { stroke: #b0afac }
[fill="#1a5fb4"] { fill: #62a0ea } [stroke="#1a5fb4"] { stroke: #62a0ea }
[fill="#c64600"] { fill: #ff9a56 } [stroke="#c64600"] { stroke: #ff9a56 }
[fill="#26a269"] { fill: #57e389 } [stroke="#26a269"] { stroke: #57e389 }
}</style>'''


def collect(rows, pattern):
    """Returns the measured rows of one scenario by the number of holders, in ascending order."""
    found = {}
    for row in rows:
        match = re.fullmatch(pattern, row['scenario'])
        if match and row['backend'] == BACKEND and row['status'] == 'done':
            found[int(match[1])] = row
    return dict(sorted(found.items()))


# --- The table ------------------------------------------------------------------------------------

def make_table(rows, format_value):
    columns = [collect(rows, pattern) for pattern, _ in (TRY, KILL, CPU)]
    lines = [
        '',
        '| Holders | A try that fails | System V | SIGKILL to wake-up | System V '
        '| CPU time for the death | System V |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    for n in sorted(set().union(*columns)):
        cells = [f'{n:,}']
        for column in columns:
            row = column.get(n)
            cells += [format_value(row['unit'], row[name]) if row else ''
                      for name in ('ours', 'peer')]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join([*lines, '', ''])


# --- The plot -------------------------------------------------------------------------------------

class Scale:
    """Logarithmic, from one power of ten to another, on a range of the picture."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        return [10 ** power for power in range(self.low, self.high + 1)]


def time_label(value):
    for unit, size in (('s', 1e9), ('ms', 1e6), ('µs', 1e3)):
        if value >= size:
            return f'{value / size:g} {unit}'
    return f'{value:g} ns'


def draw_grid(out, x_scale, y_scale):
    for value in x_scale.ticks():
        x = x_scale.place(value)
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}" stroke="#cccccc"/>')
        out.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{value:,}</text>')
    for value in y_scale.ticks():
        y = y_scale.place(value)
        out.append(f'<line x1="{x_scale.start}" y1="{y:.1f}" x2="{x_scale.end}" y2="{y:.1f}" '
                   'stroke="#cccccc"/>')
        out.append(f'<text x="{x_scale.start - 8}" y="{y + 4:.1f}" text-anchor="end">'
                   f'{time_label(value)}</text>')


def draw_series(out, points, colour):
    line = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
    out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]


def draw_panel(out, rows, title, left):
    values = [float(row[name]) for row in rows.values() for name, _, _ in SERIES]
    x_scale = Scale(rows, left, left + PANEL_WIDTH)
    y_scale = Scale(values, BOTTOM, TOP)

    out.append(f'<text x="{left}" y="{TOP - 16}" font-weight="bold">{title}</text>')
    draw_grid(out, x_scale, y_scale)
    out.append(f'<text x="{left + PANEL_WIDTH / 2}" y="{BOTTOM + 38}" text-anchor="middle">'
               'processes that hold a unit</text>')
    for name, _, colour in SERIES:
        draw_series(out, [(x_scale.place(n), y_scale.place(float(row[name])))
                          for n, row in rows.items()], colour)


def make_plot(rows, is_narrow=False):
    """Draws both panels side by side, or one below the other."""
    width, height = (440, 2 * PANEL_HEIGHT - 20) if is_narrow else (900, PANEL_HEIGHT)
    panels = [(collect(rows, pattern), title) for pattern, title in (TRY, KILL)]
    if not all(measured for measured, _ in panels):
        sys.exit('the figures have no scenarios with many holders')

    title = 'Cost against the number of holders'
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<title>{title}</title>',
        DARK_STYLE,
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="28" font-size="15" font-weight="bold">{title}</text>',
    ]
    for i, (_, label, colour) in enumerate(SERIES):
        x, y = (20 + i * 180, 46) if is_narrow else (340 + i * 180, 24)
        out.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>')
        out.append(f'<text x="{x + 10}" y="{y + 4}">{label}</text>')
    for i, (measured, panel_title) in enumerate(panels):
        x, y = (0, i * (PANEL_HEIGHT - 20)) if is_narrow else (i * 445, 0)
        out.append(f'<g transform="translate({x} {y})">')
        draw_panel(out, measured, panel_title, 70)
        out.append('</g>')
    return '\n'.join([*out, '</svg>', ''])
