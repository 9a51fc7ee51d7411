# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Completes the arguments of `ssem` in fish: subcommands, options, and keys of existing semaphores.

# Prints the arguments of the subcommand before the cursor that are neither options nor their values.
function __ssem_arguments
    set -l words (commandline -opc)[3..-1]
    set -l are_ended no
    while set -q words[1]
        set -l word $words[1]
        set -e words[1]
        if test $are_ended = yes
            echo -- $word
        else if test "$word" = --
            set are_ended yes
        else if string match -qr -- '^(-[cuwEki]|--(backend|address|count|units|wait|conflict-exit-code|kill-after|interval|native-key))$' $word
            set -e words[1]
        else if not string match -q -- '-?*' $word
            echo -- $word
        end
    end
end

# Whether the subcommand is one of the arguments.
function __ssem_is
    set -l words (commandline -opc)
    set -q words[2]; and contains -- $words[2] $argv
end

# Whether the next argument is the key.
function __ssem_needs_key
    set -l arguments (__ssem_arguments)
    not set -q arguments[1]; and not __fish_contains_opt native-key
end

function __ssem_keys
    set -l words (commandline -opc)
    $words[1] list --keys 2>/dev/null
end

function __ssem_native_keys
    set -l words (commandline -opc)
    $words[1] list --native-keys 2>/dev/null
end

# The words of the command of `ssem run`, for a completion of their own.
function __ssem_run_command
    set -l arguments (__ssem_arguments)
    __fish_contains_opt native-key; or set -e arguments[1]
    string join -- ' ' (string escape -- $arguments) (commandline -ct)
end

set -l named run post wait show watch reset remove
set -l all $named list clean

complete -c ssem -f
complete -c ssem -n __fish_is_first_token -a run -d 'Run a command while holding units of a semaphore'
complete -c ssem -n __fish_is_first_token -a post -d 'Add units to a semaphore'
complete -c ssem -n __fish_is_first_token -a wait -d 'Wait for units that another process adds'
complete -c ssem -n __fish_is_first_token -a list -d 'List your semaphores'
complete -c ssem -n __fish_is_first_token -a show -d 'Show a semaphore, its holders and its waiters'
complete -c ssem -n __fish_is_first_token -a watch -d 'Show the semaphores as they change'
complete -c ssem -n __fish_is_first_token -a reset -d 'Set the value of a semaphore'
complete -c ssem -n __fish_is_first_token -a remove -d 'Remove a leftover semaphore'
complete -c ssem -n __fish_is_first_token -a clean -d 'Remove all leftover semaphores'
complete -c ssem -n __fish_is_first_token -a help -d 'Show help'

complete -c ssem -s h -l help -d 'Show help'
complete -c ssem -l version -d 'Print the version'
complete -c ssem -n "__ssem_is $all" -l backend -xa 'shared-memory sysv posix etcd' -d 'Use this backend'
complete -c ssem -n "__ssem_is $all" -l address -x -d 'Use the service of the backend at this address'
complete -c ssem -n "__ssem_is $named" -l native-key -xka '(__ssem_native_keys)' -d 'Use this native key'

complete -c ssem -n '__ssem_is run' -s c -l count -x -d 'Create the semaphore with this many units'
complete -c ssem -n '__ssem_is run' -s u -l units -x -d 'Hold this many units'
complete -c ssem -n '__ssem_is run' -s k -l kill-after -x -d 'Kill a command without units after this time'
complete -c ssem -n '__ssem_is run wait' -s w -l wait -x -d 'Wait at most this long'
complete -c ssem -n '__ssem_is run wait' -s n -l nonblock -d 'Fail instead of waiting'
complete -c ssem -n '__ssem_is run wait' -s E -l conflict-exit-code -x -d 'Exit with this status if the units are not free in time'
complete -c ssem -n '__ssem_is run wait' -s q -l quiet -d 'Print no message if the units are not free in time'
complete -c ssem -n '__ssem_is list show watch' -l json -d 'Print JSON'
complete -c ssem -n '__ssem_is list' -l keys -d 'Print only the keys'
complete -c ssem -n '__ssem_is list' -l native-keys -d 'Print only the native keys'
complete -c ssem -n '__ssem_is watch' -s i -l interval -x -d 'Wait this long between updates'
complete -c ssem -n '__ssem_is clean' -s n -l dry-run -d 'Print the keys without removing anything'

complete -c ssem -n '__ssem_is run post wait show reset remove; and __ssem_needs_key' -xka '(__ssem_keys)'
complete -c ssem -n '__ssem_is watch' -xka '(__ssem_keys)'
complete -c ssem -n '__ssem_is help' -xa "$all"
complete -c ssem -n '__ssem_is run; and not __ssem_needs_key' -xa '(complete -C (__ssem_run_command))'
