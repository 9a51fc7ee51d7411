/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A worker of the demonstration: worker-vala NAME KEY UNITS TURNS
 *
 * It prints a line for each step on standard output, and holds its unit until demo.py writes a line
 * to its standard input. It prints "holds" after it has acquired a unit, and "releases" before it
 * releases the unit. So a worker that is between these two lines does hold a unit.
 */

using Ssem;

string name;

void say (string what) {
    print ("%s %s %" + int64.FORMAT + "\n", name, what, get_monotonic_time ());
}

// Waits for a line of demo.py. Returns false if demo.py has ended.
bool is_told () {
    return stdin.read_line () != null;
}

void run (string key, int n_units, int n_turns) throws Error {
    var units = new SystemSemaphore (key, n_units, AccessMode.JOIN);

    say ("ready");
    if (!is_told ())
        return;

    for (int turn = 0; turn < n_turns; turn++) {
        say ("waits");
        units.acquire ();
        say ("holds");

        // The unit also comes back if the process ends without a release.
        if (!is_told ())
            return;

        say ("releases");
        units.release ();
    }
}

int main (string[] args) {
    Intl.setlocale ();

    if (args.length != 5) {
        printerr ("Usage: worker-vala NAME KEY UNITS TURNS\n");
        return 2;
    }

    name = args[1];
    try {
        run (args[2], int.parse (args[3]), int.parse (args[4]));
    } catch (Error error) {
        printerr ("%s: %s\n", name, error.message);
        return 1;
    }
    return 0;
}
