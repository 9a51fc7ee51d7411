/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Waits for a unit while the main loop runs, and cancels a wait. Run it with: acquire-async
 *
 * The only unit is taken. The first request waits, and gets the unit when it is released. The
 * second request waits until it is cancelled, as by a cancel button. Meanwhile the main loop prints
 * ticks.
 */

using Ssem;

const uint TICK_MSEC = 100;
const int RELEASE_TICK = 3;
const int CANCEL_TICK = 6;

void start_ticking (SystemSemaphore semaphore, Cancellable cancellable) {
    int ticks = 0;

    Timeout.add (TICK_MSEC, () => {
        print ("tick %d\n", ++ticks);
        if (ticks == RELEASE_TICK) {
            try {
                semaphore.release ();
            } catch (Error error) {
                printerr ("release: %s\n", error.message);
            }
        }
        if (ticks == CANCEL_TICK)
            cancellable.cancel ();
        return Source.CONTINUE;
    });
}

async void run () throws Error {
    var semaphore = new SystemSemaphore ("acquire-async", 1, AccessMode.CREATE);
    var cancellable = new Cancellable ();

    semaphore.acquire ();
    start_ticking (semaphore, cancellable);

    print ("first request: waits\n");
    yield semaphore.acquire_async ();
    print ("first request: has the unit\n");

    print ("second request: waits\n");
    try {
        yield semaphore.acquire_async (1, cancellable);
    } catch (IOError.CANCELLED error) {
        print ("second request: cancelled\n");
        return;
    }
    throw new IOError.FAILED ("The second request has a unit");
}

int main () {
    var loop = new MainLoop ();
    int status = 0;

    Intl.setlocale ();

    run.begin ((object, result) => {
        try {
            run.end (result);
        } catch (Error error) {
            printerr ("acquire-async: %s\n", error.message);
            status = 1;
        }
        loop.quit ();
    });
    loop.run ();

    return status;
}
