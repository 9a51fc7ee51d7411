# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Updates the page on performance from the figures of the benchmark program.

    build/tests/bench/bench.py --long --tsv figures.tsv
    docs/update-performance.py figures.tsv

puts the tables, and a list of what is not met, into performance.md between their marks, draws
performance.svg and performance-holders.svg with their narrow variants, and keeps the figures as performance.tsv. With --check
it writes nothing, and reports as TAP whether the page and the plots are what these figures make, and
whether they have each row that the program measures.
"""

import argparse
import collections
import csv
import io
import math
import pathlib
import subprocess
import sys
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / 'tests' / 'bench'))
from table import format_median, format_result, format_value

import holders

PAGE = HERE / 'performance.md'
PLOT = HERE / 'performance.svg'
NARROW_PLOT = HERE / 'performance-narrow.svg'
HOLDERS_PLOT = HERE / 'performance-holders.svg'
NARROW_HOLDERS_PLOT = HERE / 'performance-holders-narrow.svg'
KEPT = HERE / 'performance.tsv'
# What a table or a list stands between.
SUMMARY_MARKS = ('<!-- begin of the summary -->\n', '<!-- end of the summary -->\n')
MARKS = ('<!-- begin of the figures -->\n', '<!-- end of the figures -->\n')
HOLDERS_MARKS = ('<!-- begin of the holders -->\n', '<!-- end of the holders -->\n')

COLOURS = {'shared-memory': '#1a5fb4', 'sysv': '#c64600', 'posix': '#26a269'}


def read_figures(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file, delimiter='\t', quoting=csv.QUOTE_NONE))


def values_of(rows, column):
    return list(dict.fromkeys(row[column] for row in rows))


SIGNS = {'<=': '≤', '>=': '≥', '=': '='}


def format_limit(row, name):
    """Returns a bar or an aim with its comparison, or nothing."""
    return f'{SIGNS[row["sense"]]} {format_result(row, row[name])}' if row[name] else ''


# --- The summary ----------------------------------------------------------------------------------

def make_list(rows, name, met):
    """Returns what has not reached its bar, or its aim."""
    with_limit = [row for row in rows if row['status'] == 'done' and row[name]]
    lines = [f'- `{row["scenario"]}` ({row["backend"]}), {row["title"]}: '
             f'{format_result(row, row["median"])}, {name} {format_limit(row, name)}'
             for row in with_limit if row[met] == 'no']
    head = f'{len(with_limit) - len(lines)} of {len(with_limit)} {name}s are met.'
    return [head + (' These are not:' if lines else ''), '', *lines, *([''] if lines else [])]


def make_summary(rows):
    skipped = [f'`{row["scenario"]}` ({row["backend"]})' for row in rows if row['status'] != 'done']
    lines = ['', f'Processor: {"; ".join(values_of(rows, "processor"))}. '
             f'Measured on {", ".join(values_of(rows, "date"))}.', '',
             *make_list(rows, 'bar', 'met'), *make_list(rows, 'aim', 'aim_met')]
    if skipped:
        lines += [f'Not measured: {", ".join(skipped)}.', '']
    return '\n'.join([*lines, ''])


# --- The table ------------------------------------------------------------------------------------

def table_line(row):
    limits = [format_limit(row, 'bar'), row['met'], format_limit(row, 'aim'), row['aim_met']]
    title = [f'`{row["scenario"]}`', row['title']]
    if row['status'] != 'done':
        return [*title, 'not measured', '', '', '', *limits]
    peer = f'{row["peer_name"]}: {format_value(row["unit"], row["peer"])}' if row['peer'] else ''
    spread = f'{format_result(row, row["min"])} – {format_result(row, row["max"])}'
    ours = format_value(row['unit'], row['ours'])
    return [*title, ours, peer, format_median(row), spread,
            *('' if cell == '-' else cell for cell in limits)]


def make_table(rows):
    out = io.StringIO()
    for backend in values_of(rows, 'backend'):
        out.write(f'\n### Backend `{backend}`\n\n')
        out.write('| Scenario | What | Ssem | Peer | Ratio | Least – most '
                  '| Bar | Met | Aim | Met |\n')
        out.write(f'|{" --- |" * 10}\n')
        for row in rows:
            if row['backend'] == backend:
                out.write(f'| {" | ".join(table_line(row))} |\n')
    out.write('\n')
    return out.getvalue()


def replace_between(text, marks, table):
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        sys.exit(f'{PAGE.name} has lost the marks of a table or a list')
    return before + begin + table + end + after


def make_page(rows):
    text = PAGE.read_text(encoding='utf-8')
    text = replace_between(text, SUMMARY_MARKS, make_summary(rows))
    text = replace_between(text, HOLDERS_MARKS, holders.make_table(rows, format_value))
    return replace_between(text, MARKS, make_table(rows))


# --- The plot -------------------------------------------------------------------------------------

# On a narrow plot, the name of a line stands above it, and the legend has lines of its own.
Layout = collections.namedtuple('Layout', 'width left right top step is_narrow')
WIDE = Layout(900, 250, 40, 96, 24, False)
NARROW = Layout(440, 30, 30, 140, 42, True)


def as_speed(row, ratio):
    """How many times as much is done as by the peer, where the ratio may be one of times."""
    return ratio if row['unit'] == '1/s' else 1 / ratio


class Axis:
    """Logarithmic, from one power of ten to another."""

    def __init__(self, values, layout):
        self.low = math.floor(math.log10(min(values)))
        self.high = math.ceil(math.log10(max(values)))
        self.layout = layout

    def x(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.layout.left + share * (self.layout.width - self.layout.left - self.layout.right)

    def ticks(self):
        return range(self.low, self.high + 1)


def draw_backdrop(out, axis, n_lines, circumstances):
    width, top = axis.layout.width, axis.layout.top
    height = top + n_lines * axis.layout.step + 16
    out.append('<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" '
               f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">')
    out.append('<title>Speed of Ssem, in multiples of its peers\' speed</title>')
    out.append(holders.DARK_STYLE)
    out.append(f'<rect width="{width}" height="{height}" fill="#ffffff"/>')
    out.append('<text x="12" y="24" font-size="15" font-weight="bold">'
               'How many times as fast as the peer</text>')
    lines = circumstances if axis.layout.is_narrow else [', '.join(circumstances)]
    for i, line in enumerate(lines):
        out.append(f'<text x="12" y="{46 + 16 * i}" fill="#555555">{escape(line)}</text>')
    for power in axis.ticks():
        x = axis.x(10 ** power)
        colour, label = ('#000000', 'as fast') if power == 0 else ('#cccccc', f'{10 ** power:g} ×')
        out.append(f'<line x1="{x:.1f}" y1="{top - 10}" x2="{x:.1f}" y2="{height - 10}" '
                   f'stroke="{colour}"/>')
        out.append(f'<text x="{x:.1f}" y="{top - 16}" text-anchor="middle">{label}</text>')


def draw_legend(out, backends, layout):
    x, y = (18, 96) if layout.is_narrow else (layout.left + 60, 20)
    for backend in backends:
        out.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{COLOURS[backend]}"/>')
        out.append(f'<text x="{x + 10}" y="{y + 4}">{backend}</text>')
        x += 28 + 7 * len(backend)
    out.append(f'<path d="M{x} {y - 6}V{y + 6}" stroke="#555555" stroke-width="2" '
               'stroke-dasharray="3 2"/>')
    out.append(f'<text x="{x + 10}" y="{y + 4}">bar</text>')
    x += 50
    out.append(f'<path d="M{x - 5} {y - 5}L{x + 5} {y}L{x - 5} {y + 5}Z" fill="none" '
               'stroke="#555555"/>')
    text = 'aim' if layout.is_narrow else 'aim, in the backend’s colour: at least here'
    out.append(f'<text x="{x + 12}" y="{y + 4}">{text}</text>')


def draw_mark(out, axis, row, y):
    """The median as a dot, on a line from the worst round to the best; the bar, and the aim."""
    colour = COLOURS[row['backend']]
    median, low, high = (axis.x(as_speed(row, float(row[name]))) for name in ('median', 'min', 'max'))
    out.append(f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" '
               'stroke-width="2"/>')
    out.append(f'<circle cx="{median:.1f}" cy="{y}" r="4.5" fill="{colour}"/>')
    if row['bar']:
        x = axis.x(as_speed(row, float(row['bar'])))
        out.append(f'<path d="M{x:.1f} {y - 7}V{y + 7}" stroke="{colour}" stroke-width="2" '
                   'stroke-dasharray="3 2"/>')
    if row['aim']:
        x = axis.x(as_speed(row, float(row['aim'])))
        out.append(f'<path d="M{x - 4:.1f} {y - 4}L{x + 4:.1f} {y}L{x - 4:.1f} {y + 4}Z" '
                   f'fill="none" stroke="{colour}"/>')


def make_plot(rows, layout):
    """One line for each ratio to another semaphore; what is compared with itself is not drawn, and
    what depends on the number of holders has a plot of its own."""
    drawn = [row for row in rows
             if row['status'] == 'done' and row['kind'] == 'ratio' and row['peer_name'] != 'ours'
             and not row['scenario'].startswith('crowd-')]
    names = list(dict.fromkeys(row['scenario'] for row in drawn))
    backends = values_of(drawn, 'backend')
    axis = Axis([as_speed(row, float(row[name])) for row in drawn
                 for name in ('median', 'min', 'max', 'bar', 'aim') if row[name]], layout)

    out = []
    draw_backdrop(out, axis, len(names),
                  values_of(rows, 'processor') + values_of(rows, 'date'))
    draw_legend(out, backends, layout)
    for i, name in enumerate(names):
        y = layout.top + i * layout.step + layout.step // 2
        if layout.is_narrow:
            y += 8
            out.append(f'<text x="12" y="{y - 13}">{escape(name)}</text>')
        else:
            out.append(f'<text x="{layout.left - 14}" y="{y + 4}" text-anchor="end">'
                       f'{escape(name)}</text>')
        for row in drawn:
            if row['scenario'] == name:
                # All marks of a row are nearer to each other than to the next row.
                shift = (backends.index(row['backend']) - (len(backends) - 1) / 2) * \
                    18 / len(backends)
                draw_mark(out, axis, row, y + shift)
    out.append('</svg>')
    return '\n'.join(out) + '\n'


# --- Writing and checking -------------------------------------------------------------------------

def make_files(rows):
    """Returns the text of each file that is made from the figures."""
    return {
        PAGE: make_page(rows),
        PLOT: make_plot(rows, WIDE),
        NARROW_PLOT: make_plot(rows, NARROW),
        HOLDERS_PLOT: holders.make_plot(rows),
        NARROW_HOLDERS_PLOT: holders.make_plot(rows, is_narrow=True),
    }


def update(path):
    files = make_files(read_figures(path))
    if path.resolve() != KEPT:
        KEPT.write_bytes(path.read_bytes())
    for file, text in files.items():
        file.write_text(text, encoding='utf-8')


def check(bench):
    rows = read_figures(KEPT)
    results = [
        *((f'{file.name} is made from {KEPT.name}', file.read_text(encoding='utf-8') == text)
          for file, text in make_files(rows).items()),
        (f'nothing in {KEPT.name} has failed', all(row['status'] != 'failed' for row in rows)),
    ]
    if bench is not None:
        listed = subprocess.run([bench, '--list', '--long'], check=True, capture_output=True,
                                text=True)
        measured = [f'{row["backend"]}\t{row["scenario"]}' for row in rows]
        # The figures of other backends are on their own pages.
        expected = [line for line in listed.stdout.splitlines() if line.split('\t')[0] in COLOURS]
        results.append((f'{KEPT.name} has each row that is measured', expected == measured))

    print(f'1..{len(results)}')
    for number, (title, is_good) in enumerate(results, 1):
        print(f'{"ok" if is_good else "not ok"} {number} - {title}')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('figures', type=pathlib.Path, nargs='?', default=KEPT,
                        help='what the program wrote with --tsv (performance.tsv)')
    parser.add_argument('--check', action='store_true', help='write nothing')
    parser.add_argument('--bench', help='with --check: the program that was measured with')
    options = parser.parse_args()

    if options.check:
        check(options.bench)
    else:
        update(options.figures)


if __name__ == '__main__':
    main()
