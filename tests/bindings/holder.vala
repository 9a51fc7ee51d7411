/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Holds units of a key until its standard input ends: holder KEY N */

int main (string[] args) {
    try {
        var semaphore = new Ssem.SystemSemaphore (args[1], 0, OPEN_EXISTING);
        semaphore.acquire (int.parse (args[2]));
        stdout.puts ("holding\n");
        stdout.flush ();
        while (stdin.read_line () != null);
        return 0;
    } catch (Error error) {
        stderr.printf ("%s\n", error.message);
        return 1;
    }
}
