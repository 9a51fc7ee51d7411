/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The library as a program in Vala sees it, through the vapi. The arguments are the JavaScript
 * interpreter and our program for it that holds units. */

using Ssem;

const string MISSING = "an error should have been thrown";
const int WATCHDOG_SECONDS = 60;

Backend chosen;
int maximum;
string interpreter;
string holder;

string random_key () {
    return "key-" + Uuid.string_random ();
}

void test_new () {
    try {
        var key = random_key ();
        var semaphore = new SystemSemaphore (key, 3, CREATE);
        assert_cmpstr (semaphore.key, EQ, key);
        assert_cmpint (semaphore.initial_value, EQ, 3);
        assert_true (semaphore.mode == AccessMode.CREATE);
        assert_true (semaphore.undo);
        assert_true (semaphore.backend == chosen);
        assert_cmpint (semaphore.get_value (), EQ, 3);
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_properties () {
    try {
        var semaphore = (SystemSemaphore) Object.new (typeof (SystemSemaphore),
                                                      "key", random_key (), "initial-value", 2);
        assert_true (semaphore.backend == Backend.DEFAULT);
        semaphore.acquire ();
        assert_true (semaphore.backend == chosen);
        assert_cmpint (semaphore.get_value (), EQ, 1);

        var initable = (SystemSemaphore) Initable.@new (typeof (SystemSemaphore), null,
                                                        "key", random_key (), "undo", false);
        assert_false (initable.undo);
        assert_true (initable.backend == chosen);
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_defaults () {
    try {
        var plain = new SystemSemaphore (random_key ());
        assert_cmpint (plain.get_value (), EQ, 0);
        assert_true (plain.mode == AccessMode.OPEN);
        plain.set_key (random_key (), 1);
        assert_cmpint (plain.get_value (), EQ, 1);
        var unopened = (SystemSemaphore) Object.new (typeof (SystemSemaphore));
        assert_null (unopened.key);

        var semaphore = new SystemSemaphore (random_key (), 2, OPEN);
        assert_true (semaphore.acquire ());
        assert_true (semaphore.try_acquire ());
        assert_cmpint (semaphore.get_value (), EQ, 0);
        assert_true (semaphore.release ());
        assert_true (semaphore.acquire_timeout (1, 1000));
        assert_true (semaphore.release (4));
        assert_cmpint (semaphore.get_value (), EQ, 4);
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_gio_errors () {
    try {
        var semaphore = new SystemSemaphore (random_key (), 0, OPEN);
        try {
            semaphore.try_acquire ();
            error (MISSING);
        } catch (IOError.WOULD_BLOCK error) {
            assert_true (error.message != "");
        }
        try {
            semaphore.acquire_timeout (1, 1000);
            error (MISSING);
        } catch (IOError.TIMED_OUT error) {
            assert_true (error.message != "");
        }
        try {
            semaphore.release (0);
            error (MISSING);
        } catch (IOError.INVALID_ARGUMENT error) {
            assert_true (error.message != "");
        }
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_errors () {
    try {
        var key = random_key ();
        var semaphore = new SystemSemaphore (key, maximum, OPEN);
        try {
            new SystemSemaphore ("", 1, OPEN);
            error (MISSING);
        } catch (SystemSemaphoreError.KEY_ERROR error) {
            assert_true (error.message != "");
        }
        try {
            new SystemSemaphore (key, 1, CREATE_EXCLUSIVE);
            error (MISSING);
        } catch (SystemSemaphoreError.ALREADY_EXISTS error) {
            assert_true (key in error.message);
        }
        try {
            new SystemSemaphore (random_key (), 1, OPEN_EXISTING);
            error (MISSING);
        } catch (SystemSemaphoreError.NOT_FOUND error) {
            assert_true (error.message != "");
        }
        try {
            semaphore.release ();
            error (MISSING);
        } catch (SystemSemaphoreError error) {
            assert_cmpint (error.code, EQ, SystemSemaphoreError.OUT_OF_RESOURCES);
            assert_true (error.domain == SystemSemaphoreError.quark ());
            assert_cmpstr (semaphore.get_error_string (), EQ, error.message);
        }
        semaphore.get_value ();
        assert_cmpstr (semaphore.get_error_string (), EQ, "");
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_last_error () {
    try {
        var semaphore = new SystemSemaphore (random_key (), maximum, OPEN);
        assert_cmpint (semaphore.get_error (), EQ, SystemSemaphoreError.NO_ERROR);
        try {
            semaphore.release ();
            error (MISSING);
        } catch (SystemSemaphoreError error) {
            assert_cmpint (semaphore.get_error (), EQ, error.code);
        }
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_set_key () {
    try {
        var heard = 0;
        var key = random_key ();
        var semaphore = new SystemSemaphore (random_key (), 1, OPEN);
        semaphore.notify["key"].connect (() => heard++);
        semaphore.set_key (key, 2, OPEN);
        assert_cmpint (heard, EQ, 1);
        assert_cmpstr (semaphore.key, EQ, key);
        assert_cmpint (semaphore.get_value (), EQ, 2);
    } catch (Error error) {
        assert_no_error (error);
    }
}

void test_backends () {
    assert_true (chosen.is_supported ());
    assert_true (Backend.SYSV.is_supported ());
    assert_true (Backend.DEFAULT.is_supported ());
    assert_false (Backend.WINDOWS.is_supported ());
}

async void acquire_in_order () throws Error {
    var semaphore = new SystemSemaphore (random_key (), 1, OPEN);
    assert_true (yield semaphore.acquire_async ());
    assert_cmpint (semaphore.get_value (), EQ, 0);

    var cancellable = new Cancellable ();
    Idle.add (() => {
        cancellable.cancel ();
        return Source.REMOVE;
    });
    try {
        yield semaphore.acquire_async (1, cancellable);
        error (MISSING);
    } catch (IOError.CANCELLED error) {
        assert_cmpint (semaphore.get_value (), EQ, 0);
    }

    Idle.add (() => {
        try {
            semaphore.release (2);
        } catch (Error error) {
            assert_no_error (error);
        }
        return Source.REMOVE;
    });
    assert_true (yield semaphore.acquire_async (2));
    assert_cmpint (semaphore.get_value (), EQ, 0);
}

async void outlive_a_holder () throws Error {
    var key = random_key ();
    var semaphore = new SystemSemaphore (key, 2, CREATE);
    var process = new Subprocess (STDIN_PIPE | STDOUT_PIPE, interpreter, "-m", holder, key, "2");
    var line = yield new DataInputStream (process.get_stdout_pipe ()).read_line_utf8_async ();
    assert_cmpstr (line, EQ, "holding");
    assert_cmpint (semaphore.get_value (), EQ, 0);

    Idle.add (() => {
        process.force_exit ();
        return Source.REMOVE;
    });
    assert_true (yield semaphore.acquire_async (2));
    assert_cmpint (semaphore.get_value (), EQ, 0);
    yield process.wait_async ();
    assert_true (process.get_if_signaled ());
}

void test_async () {
    run_loop ((done) => acquire_in_order.begin ((source, result) => {
        try {
            acquire_in_order.end (result);
        } catch (Error error) {
            assert_no_error (error);
        }
        done ();
    }));
}

void test_infos () {
    try {
        var key = random_key ();
        var semaphore = new SystemSemaphore (key, 5, CREATE);
        semaphore.acquire (2);
        var info = SemaphoreInfo.query (key);
        assert_cmpstr (info.get_key (), EQ, key);
        assert_true (info.get_backend () == chosen);
        assert_cmpint (info.get_value (), EQ, 3);
        assert_false (info.is_leftover ());
        unowned var holders = info.get_holders ();
        assert_true ((holders == null) == (chosen == Backend.SYSV));
        if (holders != null)
            assert_cmpint ((int) holders[0].get_units (), EQ, 2);

        var n_found = 0;
        var infos = SemaphoreInfo.list ();
        foreach (unowned var other in infos)
            n_found += other.get_key () == key ? 1 : 0;
        assert_cmpint (n_found, EQ, 1);

        semaphore_reset (key, 7);
        assert_cmpint (semaphore.get_value (), EQ, 7);
    } catch (Error error) {
        assert_no_error (error);
    }
    try {
        semaphore_remove_leftover (random_key ());
        assert_cmpstr (MISSING, EQ, "");
    } catch (Error error) {
        assert_true (error is SystemSemaphoreError.NOT_FOUND);
    }
}

/* A unit that an async method of the program returns with. */
class Taker {
    public Cancellable cancellable = new Cancellable ();
    public SystemSemaphore semaphore;

    public Taker () throws Error {
        semaphore = new SystemSemaphore (random_key (), 1);
    }

    public async void take () throws Error {
        yield semaphore.acquire_async (1, cancellable);
        cancellable.cancel ();
    }

    /* Only to show that the manual has a reason for its warning. */
    public async void take_with_parameter (Cancellable cancellable) throws Error {
        yield semaphore.acquire_async (1, cancellable);
        cancellable.cancel ();
    }
}

async void take_and_cancel () throws Error {
    var taker = new Taker ();
    yield taker.take ();
    assert_cmpint (taker.semaphore.get_value (), EQ, 0);
    taker.semaphore.release ();
    try {
        yield taker.take ();
        assert_cmpstr (MISSING, EQ, "");
    } catch (IOError.CANCELLED error) {
        assert_cmpint (taker.semaphore.get_value (), EQ, 1);
    }
    try {
        yield taker.take_with_parameter (new Cancellable ());
        assert_cmpstr (MISSING, EQ, "");
    } catch (IOError.CANCELLED error) {
        assert_cmpint (taker.semaphore.get_value (), EQ, 0);
    }
}

void test_async_methods () {
    run_loop ((done) => take_and_cancel.begin ((source, result) => {
        try {
            take_and_cancel.end (result);
        } catch (Error error) {
            assert_no_error (error);
        }
        done ();
    }));
}

void test_modes () {
    try {
        var key = random_key ();
        var semaphore = new SystemSemaphore (key, 5, JOIN);
        assert_cmpint (semaphore.get_value (), EQ, 5);
        assert_cmpint (new SystemSemaphore (key, 7, AccessMode.JOIN).get_value (), EQ, 5);
        foreach (var mode in new AccessMode[] { OPEN, CREATE, OPEN_EXISTING, JOIN })
            assert_cmpint (new SystemSemaphore (key, 5, mode).mode, EQ, mode);
    } catch (Error error) {
        assert_no_error (error);
    }
    foreach (var number in new int[] { -1, 5, 99 }) {
        try {
            new SystemSemaphore (random_key (), 1, (AccessMode) number);
            assert_cmpstr (MISSING, EQ, "");
        } catch (Error error) {
            assert_true (error is IOError.INVALID_ARGUMENT);
        }
    }
}

void test_killed_holder () {
    run_loop ((done) => outlive_a_holder.begin ((source, result) => {
        try {
            outlive_a_holder.end (result);
        } catch (Error error) {
            assert_no_error (error);
        }
        done ();
    }));
}

delegate void Done ();
delegate void Starter (owned Done done);

void run_loop (Starter starter) {
    var loop = new MainLoop ();
    var watchdog = Timeout.add_seconds (WATCHDOG_SECONDS, () => {
        error ("what the test waits for never came");
    });
    starter (() => loop.quit ());
    loop.run ();
    Source.remove (watchdog);
}

int main (string[] args) {
    Test.init (ref args);
    interpreter = args[1];
    holder = args[2];
    if (Environment.get_variable ("SSEM_BACKEND") == "sysv") {
        chosen = Backend.SYSV;
        maximum = 32767;
    } else {
        chosen = Backend.SHARED_MEMORY;
        maximum = int.MAX;
    }

    string folder;
    try {
        folder = DirUtils.make_tmp ("ssem-test-XXXXXX");
    } catch (FileError failure) {
        error ("%s", failure.message);
    }
    Environment.set_variable ("SSEM_RUNTIME_DIR", folder, true);

    Test.add_func ("/ssem/vala/new", test_new);
    Test.add_func ("/ssem/vala/properties", test_properties);
    Test.add_func ("/ssem/vala/defaults", test_defaults);
    Test.add_func ("/ssem/vala/gio-errors", test_gio_errors);
    Test.add_func ("/ssem/vala/errors", test_errors);
    Test.add_func ("/ssem/vala/last-error", test_last_error);
    Test.add_func ("/ssem/vala/set-key", test_set_key);
    Test.add_func ("/ssem/vala/backends", test_backends);
    Test.add_func ("/ssem/vala/async", test_async);
    Test.add_func ("/ssem/vala/async-methods", test_async_methods);
    Test.add_func ("/ssem/vala/modes", test_modes);
    Test.add_func ("/ssem/vala/killed-holder", test_killed_holder);
    Test.add_func ("/ssem/vala/infos", test_infos);
    var status = Test.run ();

    /* Fails where a semaphore is left behind in it. */
    if (DirUtils.remove (folder) != 0) {
        stderr.printf ("%s is not empty\n", folder);
        return 1;
    }
    return status;
}
