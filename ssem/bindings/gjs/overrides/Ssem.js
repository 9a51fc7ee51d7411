// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

/* exported _init */

// GJS loads this file by itself where a program imports Ssem. With it `new` opens at once, the
// usual arguments have defaults, and acquire_async() without a callback answers a promise.
//
// GJS cuts a key at its first null character, and takes numbers modulo 2^32 and without fraction.
// So arguments are checked here first. What cannot be passed on unchanged is refused before anything
// happens: with a TypeError for another type, with a RangeError for another number.

const {Gio, GLib} = imports.gi;

const TRANSLATION_DOMAIN = 'ssem-1';

// Longer than any key.
const NO_KEY = 'x'.repeat(1025);

function describe(value) {
    return value === null ? 'null' : typeof value;
}

// The key; or one that the library refuses, in place of text that cannot be passed on. So the error
// is the library's own, and get_error() answers it, too.
function toKey(key) {
    if (typeof key !== 'string')
        throw new TypeError(`the key of a semaphore is a string, not ${describe(key)}`);
    return /[\0\p{Surrogate}]/u.test(key) ? NO_KEY : key;
}

function toInteger(value, nBits) {
    if (typeof value !== 'number')
        throw new TypeError(`expected a number, not ${describe(value)}`);
    // GJS would make 0 of -0.
    const limit = 2 ** (nBits - 1);
    const isMinusZero = Object.is(value, -0);
    if (!Number.isInteger(value) || isMinusZero || value < -limit || value >= limit)
        throw new RangeError(`${isMinusZero ? '-0' : value} is not an integer of ${nBits} bits`);
    return value;
}

function toInt32(value) {
    return toInteger(value, 32);
}

function toBoolean(value) {
    if (typeof value !== 'boolean')
        throw new TypeError(`expected a boolean, not ${describe(value)}`);
    return value;
}

function toCancellable(value) {
    if (value !== null && !(value instanceof Gio.Cancellable))
        throw new TypeError(`expected a Gio.Cancellable or null, not ${describe(value)}`);
    return value;
}

// The library says the same, and its translations have it.
function toEnum(enumeration, sentence, value) {
    if (!Object.values(enumeration).includes(toInt32(value))) {
        const message = GLib.dgettext(TRANSLATION_DOMAIN, sentence).replace('%d', value);
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.INVALID_ARGUMENT, message});
    }
    return value;
}

function _init() {
    const namespace = this;
    const {AccessMode, Backend, SemaphoreInfo} = namespace;
    const FinalSemaphore = namespace.SystemSemaphore;
    const {prototype} = FinalSemaphore;

    function toMode(value) {
        return toEnum(AccessMode, '%d is not the number of an access mode', value);
    }

    function toBackend(value) {
        return toEnum(Backend, '%d is not the number of a backend', value);
    }

    // --- The class ---

    const {_init: construct, acquire, acquire_timeout: acquireTimeout, init, release,
        set_key: setKey, try_acquire: tryAcquire} = prototype;

    const properties = new Map([
        ['key', value => value === null ? null : toKey(value)],
        ['initial-value', toInt32],
        ['mode', toMode],
        ['undo', toBoolean],
        ['backend', toBackend],
    ]);

    // GJS takes a name in three spellings.
    function checkProperties(given) {
        if (typeof given !== 'object' || given === null)
            throw new TypeError(`expected an object with properties, not ${describe(given)}`);
        const checked = {};
        for (const [spelling, value] of Object.entries(given)) {
            const name = spelling.replace(/_/g, '-').replace(/[A-Z]/g, '-$&').toLowerCase();
            if (!properties.has(name))
                throw new TypeError(`SystemSemaphore has no property ${spelling}`);
            if (name in checked)
                throw new TypeError(`the property ${spelling} is given twice`);
            checked[name] = properties.get(name)(value);
        }
        return checked;
    }

    prototype._init = function (given = {}) {
        construct.call(this, checkProperties(given));
        this.init();
    };

    function refuseSubclass() {
        throw new TypeError('Ssem.SystemSemaphore is final and has no subclasses: ' +
            'keep a semaphore in a property instead');
    }

    // GObject.registerClass() calls it.
    FinalSemaphore._classInit = refuseSubclass;

    // A class that was not registered ends here.
    const SystemSemaphore = new Proxy(FinalSemaphore, {
        construct(target, args, newTarget) {
            if (newTarget !== SystemSemaphore)
                refuseSubclass();
            return Reflect.construct(target, args);
        },
    });
    prototype.constructor = SystemSemaphore;
    namespace.SystemSemaphore = SystemSemaphore;

    FinalSemaphore.new = function (key, initialValue, mode) {
        return new SystemSemaphore({key: toKey(key), 'initial-value': initialValue, mode});
    };

    prototype.init = function (cancellable = null) {
        return init.call(this, toCancellable(cancellable));
    };

    prototype.set_key = function (key, initialValue, mode) {
        return setKey.call(this, toKey(key), toInt32(initialValue), toMode(mode));
    };

    prototype.acquire = function (n = 1, cancellable = null) {
        return acquire.call(this, toInt32(n), toCancellable(cancellable));
    };

    prototype.try_acquire = function (n = 1) {
        return tryAcquire.call(this, toInt32(n));
    };

    prototype.acquire_timeout = function (n, timeoutUsec, cancellable = null) {
        return acquireTimeout.call(this, toInt32(n), toInteger(timeoutUsec, 64),
            toCancellable(cancellable));
    };

    prototype.release = function (n = 1) {
        return release.call(this, toInt32(n));
    };

    // Below what makes a promise of it, so that a wrong argument rejects the promise.
    const {acquire_async: acquireAsync} = prototype;
    prototype.acquire_async = function (n, cancellable, callback) {
        return acquireAsync.call(this, toInt32(n), toCancellable(cancellable), callback);
    };
    Gio._promisify(prototype, 'acquire_async', 'acquire_finish');
    const {acquire_async: acquirePromised} = prototype;
    prototype.acquire_async = function (n = 1, cancellable = null, ...callback) {
        return acquirePromised.call(this, n, cancellable, ...callback);
    };

    // --- Looking, and repairing ---

    const {backend_is_supported: isSupported, semaphore_info_count_others: countOthers,
        semaphore_info_list: list, semaphore_info_query: query, semaphore_remove_leftover: removeLeftover,
        semaphore_reset: reset} = namespace;

    namespace.backend_is_supported = backend => isSupported(toBackend(backend));
    namespace.semaphore_info_list = backend => list(toBackend(backend));
    namespace.semaphore_info_count_others = backend => countOthers(toBackend(backend));
    namespace.semaphore_info_query = (key, backend) => query(toKey(key), toBackend(backend));
    namespace.semaphore_remove_leftover = (key, backend) =>
        removeLeftover(toKey(key), toBackend(backend));
    namespace.semaphore_reset = (key, value, backend) =>
        reset(toKey(key), toInt32(value), toBackend(backend));

    // The library has most of them under two names.
    Backend.is_supported = namespace.backend_is_supported;
    SemaphoreInfo.list = namespace.semaphore_info_list;
    SemaphoreInfo.count_others = namespace.semaphore_info_count_others;
    SemaphoreInfo.query = namespace.semaphore_info_query;
}
