/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "ssem/backend/ssem-backend-inspect-private.h"
#include "ssem/ssem-i18n-private.h"
#include "ssem/ssem-key-private.h"
#include "ssem/ssem-native-key-private.h"

G_BEGIN_DECLS

/* The `ssem` command has one handler for each subcommand. It links the library's own backends, and
 * on Unix neither GObject nor GIO: to load them takes longer than most subcommands run. */

/* Exit statuses, as listed in the manual page. `ssem run` exits with the status of its command. Its
 * own failures therefore use the statuses of env(1) and timeout(1). */
typedef enum
{
  TOOL_OK = 0,
  TOOL_FAILED = 1,
  TOOL_USAGE = 2,
  TOOL_NOT_FOUND = 3,
  TOOL_BUSY = 4,
  TOOL_PERMISSION_DENIED = 5,
  TOOL_NOT_SUPPORTED = 6,

  TOOL_RUN_LOST = 123,
  TOOL_RUN_CONFLICT = 124,
  TOOL_RUN_FAILED = 125,
  TOOL_RUN_NOT_EXECUTABLE = 126,
  TOOL_RUN_NO_COMMAND = 127,
  TOOL_RUN_SIGNAL = 128,
} ToolStatus;

/* Runs a subcommand, whose name is argv[0]. Returns the exit status. */
typedef int (* ToolHandler) (int    argc,
                             char **argv);

int tool_run    (int    argc,
                 char **argv);
int tool_post   (int    argc,
                 char **argv);
int tool_wait   (int    argc,
                 char **argv);
int tool_list   (int    argc,
                 char **argv);
int tool_show   (int    argc,
                 char **argv);
int tool_watch  (int    argc,
                 char **argv);
int tool_reset  (int    argc,
                 char **argv);
int tool_remove (int    argc,
                 char **argv);
int tool_clean  (int    argc,
                 char **argv);

/* Runs the subcommand that the arguments name. Returns the exit status. The fuzz tests call this
 * function, so everything that changes the process at its start is in main (). */
int tool_dispatch (int    argc,
                   char **argv);

/* --- Subcommands of this system: ssem-tool-subcommands.c or ssem-tool-subcommands-win32.c --- */

typedef struct
{
  const char *name;
  ToolHandler handler;
  const char *summary; /* NULL: not supported on this system, and not in the help */
} ToolSubcommand;

/* Ends with an element whose name is NULL. */
extern const ToolSubcommand tool_subcommands[];

/* --- Standard streams: ssem-tool-streams-*.c --- */

/* Opens each standard stream that the caller has closed. Call this before anything else is opened:
 * a file of the library could otherwise get the descriptor of a stream, and messages would
 * overwrite its contents. */
void        tool_reserve_streams (void);

/* Sets the user's locale. In a locale with plain ASCII, as in a cron job, text is UTF-8 instead,
 * because keys may contain any character. Call this before anything is printed. */
void        tool_set_locale      (void);

/* --- Arguments: ssem-tool-arguments-*.c --- */

/* Returns the arguments: in UTF-8 on Windows, unchanged on other systems. */
char      **tool_get_arguments  (char         **argv);

/* Sets the arguments that let the user's shell run @script. Prints a message and returns FALSE if
 * the system has no way to do so. */
gboolean    tool_get_shell      (char          *script,
                                 char          *arguments[4]);

/* --- Arguments: ssem-tool-options.c --- */

/* The value of --backend; DEFAULT if the option is absent. */
extern SsemBackend tool_backend;

/* The value of --address; NULL if the option is absent. */
extern char *tool_address;

/* The value of --native-key; NULL if the option is absent. */
extern char *tool_native_key;

/* The entry for --native-key, for the subcommands that take a key. */
extern const GOptionEntry tool_native_key_entry;

/* Parses and removes the options in @argv: @entries, --backend, --address, --help and --version.
 * The remaining arguments begin at argv[1]. Options end at `--`, which is removed too; with
 * @is_strict, also at the first argument that is not an option.
 *
 * Returns FALSE if the program should exit, after printing a message, the help or the version. The
 * exit status is then *@status; the function sets TOOL_OK for the help and the version, and does
 * not change *@status for an error. */
gboolean    tool_parse          (int           *argc,
                                 char        ***argv,
                                 const char    *arguments,
                                 const char    *summary,
                                 GOptionEntry  *entries,
                                 gboolean       is_strict,
                                 int           *status);

/* Returns whether @n_min to @n_max arguments follow the subcommand, or one less with --native-key.
 * Prints a message if not. */
gboolean    tool_check_count    (int            argc,
                                 char         **argv,
                                 int            n_min,
                                 int            n_max);

/* Parses a number of units, which must be at least @min. Prints a message with the option's or the
 * argument's @name if this fails. */
gboolean    tool_parse_units    (const char    *text,
                                 const char    *name,
                                 int            min,
                                 int           *units);

/* Parses a time, 0 or more, in seconds or with a suffix, and returns microseconds in @usec. Prints a
 * message with the name of the @option if this fails. */
gboolean    tool_parse_time     (const char    *text,
                                 const char    *option,
                                 gint64        *usec);

/* How to wait for units. */
typedef struct
{
  gint64 usec;          /* the time-out of ssem_system_semaphore_acquire_timeout () */
  int conflict_status;  /* the exit status if the units are not free in time */
  gboolean is_quiet;    /* no message then */
} ToolWaiting;

/* The entries for these options, for the subcommands that wait. */
#define TOOL_N_WAIT_ENTRIES 4
extern const GOptionEntry tool_wait_entries[TOOL_N_WAIT_ENTRIES];

/* Reads what tool_parse () has found of them. Prints a message if this fails. */
gboolean    tool_parse_waiting  (ToolWaiting   *waiting);

/* --- Parsing alone: the fuzz tests call these for the subcommands that may run forever --- */

typedef struct
{
  int n_count;      /* 0: create the semaphore with n_units */
  int n_units;
  ToolWaiting waiting;
  gint64 kill_after_usec; /* how long a command may go on without units */
  const char *key;  /* as given in the argument, possibly quoted; NULL with --native-key */
  char **command;
  char *shell[4];   /* the command that runs the text of -c */
} ToolRun;

typedef struct
{
  int n_units;
  ToolWaiting waiting;
  const char *key;  /* as given in the argument, possibly quoted; NULL with --native-key */
} ToolWait;

typedef struct
{
  gint64 interval_usec;
  gboolean as_json;
  char **keys;      /* the keys to show, as given in the arguments; empty: all, or with
                     * --native-key none */
} ToolWatch;

/* Parse the arguments of `run`, `wait` and `watch`. The strings in the result belong to @argv, or to
 * the result itself. Return FALSE if the program should exit with *@status. */
gboolean    tool_run_parse      (int            argc,
                                 char         **argv,
                                 ToolRun       *run,
                                 int           *status);
gboolean    tool_wait_parse     (int            argc,
                                 char         **argv,
                                 ToolWait      *wait,
                                 int           *status);
gboolean    tool_watch_parse    (int            argc,
                                 char         **argv,
                                 ToolWatch     *watch,
                                 int           *status);

/* --- Messages: ssem-tool-options.c --- */

/* Prints a message, made harmless for a terminal, on standard error. */
void        tool_print_error    (const char    *format,
                                 ...) G_GNUC_PRINTF (1, 2);

/* Prints the message of @error. Returns the matching exit status. */
int         tool_fail           (const GError  *error);

/* Prints that standard output cannot be written to. Returns the exit status. */
int         tool_fail_to_write  (void);

/* Returns whether all output until now could be written. Prints a message if not. */
gboolean    tool_flush          (void);

/* Prints how to get help: on @command, or in general if @command is NULL. Returns the exit
 * status. */
int         tool_fail_usage     (const char    *command);

/* --- Keys as arguments and as output: ssem-tool-key*.c --- */

/* Returns @key as a line of output shows it: unchanged, or quoted if it is not safe to print. */
char       *tool_key_to_text        (const char *key);

/* Returns @text as a JSON string that is safe to print. */
char       *tool_quote              (const char *text);

/* Returns the key that @argument stands for: @argument is a key, or a key quoted by
 * tool_key_to_text (). */
char       *tool_key_from_argument  (const char *argument);

/* --- The semaphore that the arguments name: ssem-tool-semaphore.c --- */

typedef struct
{
  char *text;               /* the key, or the native key */
  SsemNativeKey native;     /* without a name if @text is a key */
  SsemBackendTarget target; /* points into the above */
} ToolSemaphore;

/* Reads the semaphore of --native-key, or else of the key @argument. On success, the caller clears
 * @semaphore. */
gboolean    tool_semaphore_read     (ToolSemaphore       *semaphore,
                                     const char          *argument,
                                     GError             **error);

/* Makes @semaphore the one that @info shows, by its key or else by its native key. Returns FALSE if
 * both are unknown. */
gboolean    tool_semaphore_of_info  (ToolSemaphore       *semaphore,
                                     const SsemSnapshot  *info);

void        tool_semaphore_clear    (ToolSemaphore       *semaphore);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ToolSemaphore, tool_semaphore_clear)

/* --- Units: ssem-tool-units.c --- */

/* Detaches this process, and gives units back that it still holds only when it ends. */
void        tool_close_semaphore    (SsemInstance      *semaphore);

/* Waits for @n units. Returns FALSE if the program should exit with *@status, where *@status is at
 * first the exit status of a failure. The semaphore is then closed. @key is for messages. */
gboolean    tool_take_units         (SsemInstance      *semaphore,
                                     const char        *key,
                                     int                n,
                                     const ToolWaiting *waiting,
                                     guint64           *fencing_token,
                                     int               *status);

/* Releases @n units. Returns 0 or the number of a failure, after a message. */
int         tool_give_units         (SsemInstance      *semaphore,
                                     const char        *key,
                                     int                n);

/* --- Information about semaphores: ssem-tool-text.c --- */

const char *tool_backend_name   (SsemBackend    backend);

/* Finds @semaphore in the backend that --backend names. Without the option, tries the default
 * backend first, then the others. A native key has one backend. */
SsemSnapshot *tool_find_info (const ToolSemaphore  *semaphore,
                              GError              **error);

/* Returns a snapshot of each semaphore of the backend that --backend names. Without the option,
 * it is the default backend if that is a module or there is --address, else all backends of this
 * machine. Sets @n_skipped to the number of semaphores of other users, which the list omits. */
GPtrArray  *tool_list_infos     (guint         *n_skipped,
                                 GError       **error);

/* Prints on standard error that the list omits @n semaphores of other users, unless @n is 0. */
void        tool_print_skipped  (guint          n);

/* Returns a table with a title line, and a line for each semaphore. */
char       *tool_format_list    (GPtrArray     *infos);

/* Returns everything that is known about one semaphore. */
char       *tool_format_info    (const SsemSnapshot *info);

/* Returns @text, truncated to @width columns of a terminal. */
char       *tool_fit_width      (const char    *text,
                                 int            width);

/* Returns the key for a line of output. If the key is unknown, returns the native key, or else a
 * placeholder. */
char       *tool_display_key    (const SsemSnapshot *info);

/* Returns @native_key as a line of output shows it. It is a native key for the same semaphore, and
 * safe to print. */
char       *tool_native_key_to_text (const char     *native_key);

/* Return JSON without a newline at the end: ssem-tool-json.c. */
char       *tool_info_to_json   (const SsemSnapshot *info);
char       *tool_infos_to_json  (GPtrArray      *infos);

/* Returns one line of JSON with what is known of a semaphore, or only with its names if it is
 * gone. */
char       *tool_change_to_json (const SsemSnapshot *info,
                                 gboolean            is_gone);

/* Prints @text and a newline in UTF-8 in every locale, for programs that read the output. */
void        tool_print_utf8     (const char    *text);

/* --- Processes: ssem-tool-spawn-*.c --- */

/* Forks if this process is process 1 of a container, and continues in the child. Returns FALSE in
 * process 1, after the child has ended; process 1 must then exit with *@status. Call this before
 * any thread exists. */
gboolean    tool_fork_if_process_1 (int *status);

/* Prepares the wait for units. If units would be lost when Ctrl-C ends this process, Ctrl-C from
 * now on cancels the returned cancellable instead, and the process must then exit with *@status.
 * Returns NULL if the system gives units back. The cancellable is never freed. */
GCancellable *tool_catch_interrupts (int *status);

/* What the command runs under. */
typedef struct
{
  SsemInstance *semaphore;
  guint64 fencing_token;  /* 0: none */
  gint64 kill_after_usec;
  gboolean is_lost;       /* set by tool_run_command (): it ended the command without units */
} ToolGuard;

/* Runs @command until it ends. If this process is killed, the command is killed too. If the units
 * are lost, prints a message and ends the command. Returns TRUE with the wait status of the system
 * in *@status. If the command did not run, prints a message and returns FALSE with the exit status
 * in *@status. */
gboolean    tool_run_command    (char         **command,
                                 ToolGuard     *guard,
                                 int           *status);

/* Ends this process the same way as a command with the wait status @status, or returns the exit
 * status that stands for it. */
int         tool_exit_like      (int            status);

/* Makes a signal such as Ctrl-C end the wait for the units of @semaphore in good order: the wait
 * then fails with CLOSED. Does nothing if the system gives units back. Prints a message on failure.
 * The functions of Unix are in ssem-tool-interrupt-posix.c. */
gboolean    tool_interrupt_begin (SsemInstance *semaphore);

/* Ends that. Returns the number of the signal, which this process has to end with, or 0. After a
 * signal the semaphore is closed. */
int         tool_interrupt_end   (void);

/* --- The loss of units: ssem-tool-loss.c --- */

typedef struct _ToolLoss ToolLoss;

typedef void (* ToolWakeFunc) (gpointer data);

/* Calls @wake from another thread, after a message, when the units of @semaphore are lost. Sets
 * *@loss to NULL if nothing can be lost. Nothing of it is ever freed. */
gboolean    tool_loss_watch      (SsemInstance  *semaphore,
                                  ToolWakeFunc   wake,
                                  gpointer       data,
                                  ToolLoss     **loss,
                                  GError       **error);

/* Returns whether the units are lost; @self may be NULL. */
gboolean    tool_loss_has_happened (ToolLoss    *self);

/* --- Processes of Unix: ssem-tool-guard-*.c --- */

/* Makes sure that this child of fork () dies with @parent. Returns FALSE and sets errno if that is
 * impossible; the child must then exit immediately. */
gboolean    tool_die_with_parent (GPid          parent);

/* Returns whether the kernel sent the signal with this si_code. Such a signal usually goes to a
 * whole process group. */
gboolean    tool_signal_is_from_kernel (int     code);

/* Prevents a core dump, whatever ends this process. */
void        tool_disable_core_dump (void);

G_END_DECLS
