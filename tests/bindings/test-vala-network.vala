/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tests addresses, fencing tokens and losses in Vala, with the backend "memory" of the tests. */

string directory;
string losses;

Ssem.SystemSemaphore open (string key, string? address = null) {
    try {
        var semaphore = (Ssem.SystemSemaphore) Initable.new (typeof (Ssem.SystemSemaphore), null,
            "key", key, "initial-value", 3, "address", address);
        return semaphore;
    } catch (Error error) {
        Test.fail_printf ("%s", error.message);
        Process.exit (1);
    }
}

void test_address () {
    var here = open ("address", "here");
    var there = open ("address", "there");
    try {
        here.acquire ();
        assert_cmpint (here.get_value (), EQ, 2);
        assert_cmpint (there.get_value (), EQ, 3);
    } catch (Error error) {
        assert_not_reached ();
    }
    assert_cmpstr (here.address, EQ, "here");
    assert_cmpstr (there.get_address (), EQ, "there");

    try {
        Ssem.SemaphoreInfo.list_at (Ssem.Backend.SYSV, "here");
        assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
    } catch (Error error) {
        assert_not_reached ();
    }
}

void test_tokens () {
    var semaphore = open ("tokens");
    try {
        assert (semaphore.get_fencing_token () == 0);
        semaphore.acquire ();
        var first = semaphore.get_fencing_token ();
        semaphore.acquire ();
        assert (first > 0);
        assert (semaphore.get_fencing_token () > first);
    } catch (Error error) {
        assert_not_reached ();
    }
}

void test_lost () {
    var semaphore = open ("lost");
    var loop = new MainLoop ();
    Error? reason = null;

    semaphore.lost.connect ((error) => {
        reason = error;
        loop.quit ();
    });
    try {
        semaphore.acquire ();
        FileStream.open (losses, "w").putc ('x');
        loop.run ();
        assert (reason is Ssem.SystemSemaphoreError.LOST);
        assert_cmpuint (semaphore.get_n_losses (), EQ, 1);
        semaphore.release ();
        assert_not_reached ();
    } catch (Ssem.SystemSemaphoreError.LOST error) {
    } catch (Error error) {
        assert_not_reached ();
    }
}

int main (string[] args) {
    Test.init (ref args);
    try {
        directory = DirUtils.make_tmp ("ssem-test-XXXXXX");
    } catch (Error error) {
        stderr.printf ("%s\n", error.message);
        return 1;
    }
    losses = @"$directory/losses";
    Posix.mkfifo (losses, 0600);
    Environment.set_variable ("SSEM_BACKEND", "memory", true);
    Environment.set_variable ("SSEM_MEMORY_LOSES", losses, true);
    Environment.set_variable ("SSEM_RUNTIME_DIR", directory, true);

    Test.add_func ("/ssem/vala-network/address", test_address);
    Test.add_func ("/ssem/vala-network/tokens", test_tokens);
    Test.add_func ("/ssem/vala-network/lost", test_lost);
    var status = Test.run ();

    FileUtils.remove (losses);
    if (DirUtils.remove (directory) != 0) {
        stderr.printf ("%s is not empty\n", directory);
        return 1;
    }
    return status;
}
