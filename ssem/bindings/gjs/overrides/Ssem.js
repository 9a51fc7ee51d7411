// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

/* exported _init */

// GJS loads this file by itself where a program imports Ssem. With it `new` opens at once, the usual
// arguments have defaults, and acquire_async() without a callback answers a promise.

const {Gio} = imports.gi;

function _init() {
    const {prototype} = this.SystemSemaphore;
    const {_init: construct, acquire, acquire_timeout: acquireTimeout, init, release,
        try_acquire: tryAcquire} = prototype;

    prototype._init = function (properties = {}) {
        construct.call(this, properties);
        this.init();
    };

    prototype.init = function (cancellable = null) {
        return init.call(this, cancellable);
    };

    prototype.acquire = function (n = 1, cancellable = null) {
        return acquire.call(this, n, cancellable);
    };

    prototype.try_acquire = function (n = 1) {
        return tryAcquire.call(this, n);
    };

    prototype.acquire_timeout = function (n, timeoutUsec, cancellable = null) {
        return acquireTimeout.call(this, n, timeoutUsec, cancellable);
    };

    prototype.release = function (n = 1) {
        return release.call(this, n);
    };

    Gio._promisify(prototype, 'acquire_async', 'acquire_finish');
    const {acquire_async: acquireAsync} = prototype;
    prototype.acquire_async = function (n = 1, cancellable = null, ...callback) {
        return acquireAsync.call(this, n, cancellable, ...callback);
    };
}
