/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A worker of the demonstration: worker-vala NAME KEY UNITS TURNS
 *
 * It says what it does, one line each on standard output, and works until demo.py writes a line to
 * its standard input. It says that it holds a unit only after it acquired one, and that it releases
 * it before it does: whoever is said to hold one does hold one.
 */

using Ssem;

string name;

void say (string what) {
    print ("%s %s %" + int64.FORMAT + "\n", name, what, get_monotonic_time ());
}

// False if nobody is left to tell us anything.
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

        // Ending without a release gives the unit back, too.
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
