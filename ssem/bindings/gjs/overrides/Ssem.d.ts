// Copyright 2026 The Ssem authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What Ssem.js adds to the types that ts-for-gir makes of the typelib.

import type Gio from 'gi://Gio?version=2.0';

declare module 'gi://Ssem?version=1' {
    export namespace Ssem {
        interface SystemSemaphore {
            init(cancellable?: Gio.Cancellable | null): boolean;
            acquire(n?: number, cancellable?: Gio.Cancellable | null): boolean;
            try_acquire(n?: number): boolean;
            acquire_timeout(n: number, timeoutUsec: number,
                cancellable?: Gio.Cancellable | null): boolean;
            acquire_interruptible(n: number, timeoutUsec: number,
                cancellable?: Gio.Cancellable | null): boolean;
            acquire_async(n?: number, cancellable?: Gio.Cancellable | null): Promise<boolean>;
            acquire_timeout_async(n: number, timeoutUsec: number,
                cancellable?: Gio.Cancellable | null): Promise<boolean>;
            release(n?: number): boolean;
            with<T>(n: number, callback: (hold: Hold) => T | Promise<T>,
                cancellable?: Gio.Cancellable | null): Promise<T>;
        }

        namespace SystemSemaphore {
            function open_async(key: string, initialValue?: number, mode?: AccessMode,
                cancellable?: Gio.Cancellable | null): Promise<SystemSemaphore>;
        }
    }
}
