/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Acquires and releases three units. Run it with: market
 *
 * Every process that opens the key "market" shares these three units. The comments give the value
 * while no other process uses the semaphore.
 */

using Ssem;

void show (SystemSemaphore market, string step) throws Error {
    print ("%-10s  units available = %d\n", step, market.get_value ());
}

int main () {
    Intl.setlocale ();

    try {
        var market = new SystemSemaphore ("market", 3, AccessMode.CREATE);
        show (market, "new");        // units available = 3
        market.acquire ();
        show (market, "acquire");    // units available = 2
        market.acquire ();
        show (market, "acquire");    // units available = 1
        market.acquire ();
        show (market, "acquire");    // units available = 0
        market.release ();
        show (market, "release");    // units available = 1
        market.release (2);
        show (market, "release 2");  // units available = 3
    } catch (Error error) {
        printerr ("market: %s\n", error.message);
        return 1;
    }
    return 0;
}
