// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

/* exported _init */

// Adapts the Ssem module to JavaScript. GJS loads this file when a program imports Ssem. The file
// makes `new` open the semaphore, adds default arguments, and lets the asynchronous functions without
// a callback return a promise.
//
// Values must arrive unchanged. GJS truncates a key at its first null character, reduces numbers
// modulo 2^32, and drops their fraction. Therefore this file checks all arguments first. It refuses
// a value that GJS would change, before anything happens: a wrong type with a TypeError, a number
// out of range with a RangeError.

const {Gio, GLib} = imports.gi;

const TRANSLATION_DOMAIN = 'ssem-1';

// Keys that are too long, so that the library refuses them.
const INVALID_KEY = 'x'.repeat(1025);
const INVALID_NATIVE_KEY = 'x'.repeat(4097);

function describeType(value) {
    return value === null ? 'null' : typeof value;
}

// Returns the key. Text that cannot be a key becomes another key that the library refuses. The
// error is then the library's own, and get_error() returns it too.
function toKey(key, invalid = INVALID_KEY) {
    if (typeof key !== 'string')
        throw new TypeError(`the key of a semaphore must be a string, not ${describeType(key)}`);
    return /[\0\p{Surrogate}]/u.test(key) ? invalid : key;
}

function toNativeKey(nativeKey) {
    return toKey(nativeKey, INVALID_NATIVE_KEY);
}

function toInteger(value, nBits) {
    if (typeof value !== 'number')
        throw new TypeError(`expected a number, not ${describeType(value)}`);
    // GJS would change -0 to 0.
    const limit = 2 ** (nBits - 1);
    const isMinusZero = Object.is(value, -0);
    if (!Number.isInteger(value) || isMinusZero || value < -limit || value >= limit)
        throw new RangeError(`${isMinusZero ? '-0' : value} is not an integer of ${nBits} bits`);
    return value;
}

function toInt32(value) {
    return toInteger(value, 32);
}

// Returns the address of a service. GJS would truncate one with a null character.
function toAddress(value) {
    if (value === null)
        return value;
    if (typeof value !== 'string')
        throw new TypeError(`an address must be a string, not ${describeType(value)}`);
    if (/[\0\p{Surrogate}]/u.test(value))
        throw new RangeError('an address must be text without null characters');
    return value;
}

function toBoolean(value) {
    if (typeof value !== 'boolean')
        throw new TypeError(`expected a boolean, not ${describeType(value)}`);
    return value;
}

function toCancellable(value) {
    if (value !== null && !(value instanceof Gio.Cancellable))
        throw new TypeError(`expected a Gio.Cancellable or null, not ${describeType(value)}`);
    return value;
}

// Returns the value if it is a member of the enumeration. The message is one of the library's, so
// that the library's translations apply.
function toEnum(enumeration, text, value) {
    if (!Object.values(enumeration).includes(toInt32(value))) {
        const message = GLib.dgettext(TRANSLATION_DOMAIN, text).replace('%d', value);
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.INVALID_ARGUMENT, message});
    }
    return value;
}

function _init() {
    const namespace = this;
    const {AccessMode, Backend, QtNaming, SemaphoreInfo} = namespace;
    const FinalSemaphore = namespace.SystemSemaphore;
    const {prototype} = FinalSemaphore;

    function toMode(value) {
        return toEnum(AccessMode, 'Unknown access mode %d', value);
    }

    function toBackend(value) {
        return toEnum(Backend, 'Unknown backend %d', value);
    }

    function toNaming(value) {
        return toEnum(QtNaming, 'Unknown naming %d', value);
    }

    // --- The class ---

    const {_init: construct, acquire, acquire_interruptible: acquireInterruptible,
        acquire_timeout: acquireTimeout, init, release, set_key: setKey,
        try_acquire: tryAcquire} = prototype;

    const checks = new Map([
        ['key', value => value === null ? null : toKey(value)],
        ['initial-value', toInt32],
        ['mode', toMode],
        ['undo', toBoolean],
        ['backend', toBackend],
        ['native-key', value => value === null ? null : toNativeKey(value)],
        ['address', toAddress],
    ]);

    // Returns the properties with checked values. GJS accepts three spellings of a name:
    // initial-value, initial_value and initialValue.
    function checkProperties(given) {
        if (typeof given !== 'object' || given === null)
            throw new TypeError(`expected an object with properties, not ${describeType(given)}`);
        const checked = {};
        for (const [spelling, value] of Object.entries(given)) {
            const name = spelling.replace(/_/g, '-').replace(/[A-Z]/g, '-$&').toLowerCase();
            if (!checks.has(name))
                throw new TypeError(`SystemSemaphore has no property ${spelling}`);
            if (name in checked)
                throw new TypeError(`the property ${spelling} is given twice`);
            checked[name] = checks.get(name)(value);
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

    // GObject.registerClass() calls this method for a subclass.
    FinalSemaphore._classInit = refuseSubclass;

    // The proxy refuses objects of a subclass that was not registered.
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

    FinalSemaphore.new_for_native_key = function (nativeKey, initialValue, mode) {
        return new SystemSemaphore({
            'native-key': toNativeKey(nativeKey),
            'initial-value': initialValue,
            mode,
        });
    };

    // As for acquire_async() below. The promise of Gio._promisify() has no default arguments.
    const {new_async: newAsync, new_finish: newFinish} = FinalSemaphore;
    FinalSemaphore.new_async = function (key, initialValue, mode, cancellable, callback) {
        newAsync(toKey(key), toInt32(initialValue), toMode(mode), toCancellable(cancellable),
            (source, result) => callback(FinalSemaphore, result));
    };
    FinalSemaphore.new_finish = result => newFinish(result);
    Gio._promisify(FinalSemaphore, 'new_async', 'new_finish');
    const {new_async: newAsPromise} = FinalSemaphore;
    FinalSemaphore.new_async = function (key, initialValue = 0, mode = AccessMode.OPEN,
        cancellable = null, ...callback) {
        return newAsPromise.call(this, key, initialValue, mode, cancellable, ...callback);
    };
    // The name in Python and Vala. TypeScript takes no other types for the name above.
    FinalSemaphore.open_async = FinalSemaphore.new_async;

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

    prototype.acquire_interruptible = function (n, timeoutUsec, cancellable = null) {
        return acquireInterruptible.call(this, toInt32(n), toInteger(timeoutUsec, 64),
            toCancellable(cancellable));
    };

    prototype.release = function (n = 1) {
        return release.call(this, toInt32(n));
    };

    // Gio._promisify() wraps the method that checks the arguments, so that a wrong argument rejects
    // the promise. The default arguments come on top.
    const {acquire_async: acquireAsync} = prototype;
    prototype.acquire_async = function (n, cancellable, callback) {
        return acquireAsync.call(this, toInt32(n), toCancellable(cancellable), callback);
    };
    Gio._promisify(prototype, 'acquire_async', 'acquire_finish');
    const {acquire_async: acquireAsPromise} = prototype;
    prototype.acquire_async = function (n = 1, cancellable = null, ...callback) {
        return acquireAsPromise.call(this, n, cancellable, ...callback);
    };

    const {acquire_timeout_async: acquireTimeoutAsync} = prototype;
    prototype.acquire_timeout_async = function (n, timeoutUsec, cancellable, callback) {
        return acquireTimeoutAsync.call(this, toInt32(n), toInteger(timeoutUsec, 64),
            toCancellable(cancellable), callback);
    };
    Gio._promisify(prototype, 'acquire_timeout_async', 'acquire_timeout_finish');
    const {acquire_timeout_async: acquireTimeoutAsPromise} = prototype;
    prototype.acquire_timeout_async = function (n, timeoutUsec, cancellable = null, ...callback) {
        return acquireTimeoutAsPromise.call(this, n, timeoutUsec, cancellable, ...callback);
    };

    // --- Holding ---

    const {Hold} = namespace;
    const {new: newHold, adopt} = Hold;

    function toUnits(n) {
        if (toInt32(n) < 1)
            throw new RangeError(`${n} is not a number of units to hold`);
        return n;
    }

    Hold.new = (semaphore, n = 1, cancellable = null) =>
        newHold(semaphore, toInt32(n), toCancellable(cancellable));
    Hold.adopt = (semaphore, n = 1) => adopt(semaphore, toUnits(n));

    // Calls the function, which may be asynchronous, while the process holds units. Resolves to its
    // result. A hold knows whether its units were lost meanwhile.
    prototype.with = async function (n, callback, cancellable = null) {
        await this.acquire_async(n, cancellable);
        const hold = Hold.adopt(this, n);
        try {
            return await callback(hold);
        } finally {
            hold.release();
        }
    };

    // --- Inspection and repair ---

    const {backend_is_supported: isSupported, native_key_for_qt: nativeKeyForQt,
        semaphore_info_count_others: countOthers, semaphore_info_list: list,
        semaphore_info_list_at: listAt, semaphore_info_query: query,
        semaphore_info_query_at: queryAt, semaphore_info_query_native: queryForNativeKey,
        semaphore_remove_leftover: removeLeftover, semaphore_remove_leftover_at: removeLeftoverAt,
        semaphore_remove_leftover_native: removeLeftoverForNativeKey,
        semaphore_reset: reset, semaphore_reset_at: resetAt,
        semaphore_reset_native: resetForNativeKey} = namespace;

    namespace.backend_is_supported = backend => isSupported(toBackend(backend));
    namespace.semaphore_info_list = backend => list(toBackend(backend));
    namespace.semaphore_info_count_others = backend => countOthers(toBackend(backend));
    namespace.semaphore_info_query = (key, backend) => query(toKey(key), toBackend(backend));
    namespace.semaphore_remove_leftover = (key, backend) =>
        removeLeftover(toKey(key), toBackend(backend));
    namespace.semaphore_reset = (key, value, backend) =>
        reset(toKey(key), toInt32(value), toBackend(backend));
    namespace.semaphore_info_list_at = (backend, address) =>
        listAt(toBackend(backend), toAddress(address));
    namespace.semaphore_info_query_at = (key, backend, address) =>
        queryAt(toKey(key), toBackend(backend), toAddress(address));
    namespace.semaphore_remove_leftover_at = (key, backend, address) =>
        removeLeftoverAt(toKey(key), toBackend(backend), toAddress(address));
    namespace.semaphore_reset_at = (key, value, backend, address) =>
        resetAt(toKey(key), toInt32(value), toBackend(backend), toAddress(address));
    namespace.semaphore_info_query_native = nativeKey =>
        queryForNativeKey(toNativeKey(nativeKey));
    namespace.semaphore_remove_leftover_native = nativeKey =>
        removeLeftoverForNativeKey(toNativeKey(nativeKey));
    namespace.semaphore_reset_native = (nativeKey, value) =>
        resetForNativeKey(toNativeKey(nativeKey), toInt32(value));
    namespace.native_key_for_qt = (key, type, naming) =>
        nativeKeyForQt(toKey(key), toBackend(type), toNaming(naming));

    // The library has most of these functions under a second name.
    Backend.is_supported = namespace.backend_is_supported;
    SemaphoreInfo.list = namespace.semaphore_info_list;
    SemaphoreInfo.count_others = namespace.semaphore_info_count_others;
    SemaphoreInfo.list_at = namespace.semaphore_info_list_at;
    SemaphoreInfo.query = namespace.semaphore_info_query;
    SemaphoreInfo.query_at = namespace.semaphore_info_query_at;
    SemaphoreInfo.query_native = namespace.semaphore_info_query_native;
}
