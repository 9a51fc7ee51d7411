/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests the library in Vala, through the vapi. The arguments are the JavaScript interpreter and a
 * program in JavaScript that holds units. */

using Ssem;

const string MISSING = "an error should have been thrown";
const int WATCHDOG_SECONDS = 60;

Backend chosen;
int maximum;
string interpreter;
string holder;

delegate void Body () throws Error;
delegate void Begin (owned AsyncReadyCallback callback);
delegate void End (AsyncResult result) throws Error;

string random_key () {
    return "key-" + Uuid.string_random ();
}

void test_new () throws Error {
    var key = random_key ();
    var semaphore = new SystemSemaphore (key, 3, CREATE);
    assert_cmpstr (semaphore.key, EQ, key);
    assert_cmpint (semaphore.initial_value, EQ, 3);
    assert_true (semaphore.mode == AccessMode.CREATE);
    assert_true (semaphore.undo);
    assert_true (semaphore.backend == chosen);
    assert_cmpint (semaphore.get_value (), EQ, 3);
}

void test_properties () throws Error {
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
}

void test_native_keys () throws Error {
    var native_key = "systemv:%s/native %s".printf (Environment.get_variable ("SSEM_RUNTIME_DIR"),
                                                    random_key ());
    var semaphore = new SystemSemaphore.for_native_key (native_key, 2);
    assert_cmpstr (semaphore.native_key, EQ, native_key);
    assert_null (semaphore.key);
    assert_true (semaphore.backend == Backend.SYSV);
    assert_cmpstr (SemaphoreInfo.query_native (native_key).get_native_key (), EQ,
                   native_key);
    semaphore_reset_native (native_key, 5);
    var same = (SystemSemaphore) Initable.@new (typeof (SystemSemaphore), null,
                                                "native-key", native_key);
    assert_cmpint (same.get_value (), EQ, 5);
    assert_throws (IOError.quark (), IOError.BUSY,
                   () => semaphore_remove_leftover_native (native_key));
    assert_throws (SystemSemaphoreError.quark (), SystemSemaphoreError.KEY_ERROR,
                   () => new SystemSemaphore.for_native_key ("market"));

    var of_key = new SystemSemaphore (random_key ());
    assert_true ((of_key.native_key != null) == (chosen == Backend.SYSV));

    assert_cmpstr (native_key_for_qt ("market", POSIX, PLATFORM_SAFE), EQ, "posix:/market");
    /* From sha1sum. */
    assert_cmpstr (native_key_for_qt ("market", POSIX), EQ,
                   "posix:/qipc_systemsem_market5c9f73af73334ffe350c60ec076e5744db0ecda3");
    assert_throws (IOError.quark (), IOError.INVALID_ARGUMENT,
                   () => native_key_for_qt ("market", SHARED_MEMORY));
}

void test_defaults () throws Error {
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
    assert_true (semaphore.release ());
    assert_true (semaphore.acquire_interruptible (1, -1));
    assert_true (semaphore.release (4));
    assert_cmpint (semaphore.get_value (), EQ, 4);
}

/* Calls a body that must throw an error. Returns the message. */
string assert_throws (Quark domain, int code, Body body) {
    try {
        body ();
    } catch (Error error) {
        assert_error (error, domain, code);
        assert_true (error.message != "");
        return error.message;
    }
    error (MISSING);
}

void test_gio_errors () throws Error {
    var semaphore = new SystemSemaphore (random_key (), 0, OPEN);
    assert_throws (IOError.quark (), IOError.WOULD_BLOCK, () => semaphore.try_acquire ());
    assert_throws (IOError.quark (), IOError.TIMED_OUT, () => semaphore.acquire_timeout (1, 1000));
    assert_throws (IOError.quark (), IOError.TIMED_OUT,
                   () => semaphore.acquire_interruptible (1, 1000));
    assert_throws (IOError.quark (), IOError.INVALID_ARGUMENT, () => semaphore.release (0));
}

void test_errors () throws Error {
    var key = random_key ();
    var semaphore = new SystemSemaphore (key, maximum, OPEN);
    assert_cmpint (semaphore.get_error (), EQ, SystemSemaphoreError.NO_ERROR);
    assert_throws (SystemSemaphoreError.quark (), SystemSemaphoreError.KEY_ERROR,
                   () => new SystemSemaphore ("", 1, OPEN));
    var message = assert_throws (SystemSemaphoreError.quark (), SystemSemaphoreError.ALREADY_EXISTS,
                                 () => new SystemSemaphore (key, 1, CREATE_EXCLUSIVE));
    assert_true (key in message);
    assert_throws (SystemSemaphoreError.quark (), SystemSemaphoreError.NOT_FOUND,
                   () => new SystemSemaphore (random_key (), 1, OPEN_EXISTING));
    /* A catch clause with a code needs the same numbers in the vapi. */
    try {
        semaphore.release ();
        error (MISSING);
    } catch (SystemSemaphoreError.OUT_OF_RESOURCES error) {
        assert_true (error.domain == SystemSemaphoreError.quark ());
        assert_cmpint (semaphore.get_error (), EQ, error.code);
        assert_cmpstr (semaphore.get_error_string (), EQ, error.message);
    }
    semaphore.get_value ();
    assert_cmpstr (semaphore.get_error_string (), EQ, "");
}

void test_set_key () throws Error {
    var n_notified = 0;
    var key = random_key ();
    var semaphore = new SystemSemaphore (random_key (), 1, OPEN);
    semaphore.notify["key"].connect (() => n_notified++);
    semaphore.set_key (key, 2, OPEN);
    assert_cmpint (n_notified, EQ, 1);
    assert_cmpstr (semaphore.key, EQ, key);
    assert_cmpint (semaphore.get_value (), EQ, 2);
}

void test_backends () throws Error {
    assert_true (chosen.is_supported ());
    assert_true (Backend.SYSV.is_supported ());
    assert_true (Backend.DEFAULT.is_supported ());
    assert_false (Backend.WINDOWS.is_supported ());
}

/* The system forgets who holds and who waits. */
void test_posix () throws Error {
    if (!Backend.POSIX.is_supported ()) {
        Test.skip ("no POSIX semaphores");
        return;
    }
    var key = random_key ();
    var semaphore = (SystemSemaphore) Object.new (typeof (SystemSemaphore), "key", key,
                                                  "initial-value", 2, "backend", Backend.POSIX);
    semaphore.acquire (2);
    assert_cmpint (semaphore.get_value (), EQ, 0);
    assert_false (semaphore.undo);
    var info = SemaphoreInfo.query (key, Backend.POSIX);
    assert_cmpint (info.get_n_waiters (), EQ, -1);
    assert_true (info.get_holders () == null);
}

void test_modes () throws Error {
    var key = random_key ();
    var semaphore = new SystemSemaphore (key, 5, JOIN);
    assert_cmpint (semaphore.get_value (), EQ, 5);
    assert_cmpint (new SystemSemaphore (key, 7, AccessMode.JOIN).get_value (), EQ, 5);
    foreach (var mode in new AccessMode[] { OPEN, CREATE, OPEN_EXISTING, JOIN })
        assert_cmpint (new SystemSemaphore (key, 5, mode).mode, EQ, mode);

    foreach (var number in new int[] { -1, 5, 99 })
        assert_throws (IOError.quark (), IOError.INVALID_ARGUMENT,
                       () => new SystemSemaphore (random_key (), 1, (AccessMode) number));
}

void test_infos () throws Error {
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
    assert_throws (SystemSemaphoreError.quark (), SystemSemaphoreError.NOT_FOUND,
                   () => semaphore_remove_leftover (random_key ()));
}

void test_holds () throws Error {
    var semaphore = new SystemSemaphore (random_key (), 3);
    {
        var hold = new Hold (semaphore, 2);
        assert_cmpint (semaphore.get_value (), EQ, 1);
        var other = new Hold (semaphore);
        assert_cmpint (semaphore.get_value (), EQ, 0);
        other.release ();
        assert_cmpint (semaphore.get_value (), EQ, 1);
        assert_true (hold.get_fencing_token () == 0);
    }
    assert_cmpint (semaphore.get_value (), EQ, 3);
    semaphore.acquire (3);
    assert_cmpint (semaphore.get_value (), EQ, 0);
    new Hold.adopt (semaphore, 3);
    assert_cmpint (semaphore.get_value (), EQ, 3);
    assert_throws (IOError.quark (), IOError.INVALID_ARGUMENT, () => new Hold (semaphore, 0));
}

/* --- Asynchronous methods --- */

/* Runs an async method to its end. */
void run_async (Begin begin, End end) throws Error {
    var loop = new MainLoop ();
    var watchdog = Timeout.add_seconds (WATCHDOG_SECONDS, () => {
        error ("the async method never ended");
    });
    AsyncResult? ended = null;
    begin ((source, result) => {
        ended = result;
        loop.quit ();
    });
    loop.run ();
    Source.remove (watchdog);
    end (ended);
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

async void open_later () throws Error {
    var key = random_key ();
    var semaphore = yield new SystemSemaphore.open_async (key, 3, CREATE);
    assert_cmpstr (semaphore.key, EQ, key);
    assert_true (semaphore.backend == chosen);
    assert_cmpint (semaphore.get_value (), EQ, 3);
    try {
        yield new SystemSemaphore.open_async (random_key (), 0, OPEN_EXISTING);
        error (MISSING);
    } catch (SystemSemaphoreError.NOT_FOUND error) {
        assert_cmpint (semaphore.get_value (), EQ, 3);
    }
}

async void acquire_in_time () throws Error {
    var semaphore = new SystemSemaphore (random_key (), 1);
    assert_true (yield semaphore.acquire_timeout_async (1, 600 * TimeSpan.SECOND));
    try {
        yield semaphore.acquire_timeout_async (1, 1000);
        error (MISSING);
    } catch (IOError.TIMED_OUT error) {
        assert_cmpint (semaphore.get_value (), EQ, 0);
    }
    try {
        yield semaphore.acquire_timeout_async (1, 0);
        error (MISSING);
    } catch (IOError.WOULD_BLOCK error) {
        assert_cmpint (semaphore.get_value (), EQ, 0);
    }
}

/* The manual warns of a cancellable that is a parameter of an async method. The two methods of this
 * class show the difference. */
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
        error (MISSING);
    } catch (IOError.CANCELLED error) {
        assert_cmpint (taker.semaphore.get_value (), EQ, 1);
    }
    /* The caller gets CANCELLED, although the unit was acquired. */
    try {
        yield taker.take_with_parameter (new Cancellable ());
        error (MISSING);
    } catch (IOError.CANCELLED error) {
        assert_cmpint (taker.semaphore.get_value (), EQ, 0);
    }
}

async void outlive_holder () throws Error {
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

void add (string name, owned Body body) {
    Test.add_data_func ("/ssem/vala/" + name, () => {
        try {
            body ();
        } catch (Error error) {
            assert_no_error (error);
        }
    });
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

    string directory;
    try {
        directory = DirUtils.make_tmp ("ssem-test-XXXXXX");
    } catch (FileError failure) {
        error ("%s", failure.message);
    }
    Environment.set_variable ("SSEM_RUNTIME_DIR", directory, true);

    add ("new", test_new);
    add ("properties", test_properties);
    add ("native-keys", test_native_keys);
    add ("defaults", test_defaults);
    add ("gio-errors", test_gio_errors);
    add ("errors", test_errors);
    add ("set-key", test_set_key);
    add ("backends", test_backends);
    add ("posix", test_posix);
    add ("modes", test_modes);
    add ("infos", test_infos);
    add ("holds", test_holds);
    add ("async", () => run_async ((callback) => acquire_in_order.begin ((owned) callback),
                                   (result) => acquire_in_order.end (result)));
    add ("async-new", () => run_async ((callback) => open_later.begin ((owned) callback),
                                       (result) => open_later.end (result)));
    add ("async-timeout", () => run_async ((callback) => acquire_in_time.begin ((owned) callback),
                                           (result) => acquire_in_time.end (result)));
    add ("async-methods", () => run_async ((callback) => take_and_cancel.begin ((owned) callback),
                                           (result) => take_and_cancel.end (result)));
    add ("killed-holder", () => run_async ((callback) => outlive_holder.begin ((owned) callback),
                                           (result) => outlive_holder.end (result)));
    var status = Test.run ();

    /* This process has a file there as long as it runs. Nothing else is there, unless a test has left
     * a semaphore. */
    try {
        Process.spawn_command_line_sync (@"rm -rf $directory/processes");
    } catch (SpawnError error) {
        stderr.printf ("%s\n", error.message);
    }
    if (DirUtils.remove (directory) != 0) {
        stderr.printf ("%s is not empty\n", directory);
        return 1;
    }
    return status;
}
