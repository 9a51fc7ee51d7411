/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib/gi18n-lib.h>
#include <ssem.h>

G_BEGIN_DECLS

/* The `ssem` command: one handler for each subcommand, over the library's public calls alone. */

/* How it ends, as the manual page has it. `run` ends as its command does, so what it has to say for
 * itself has the numbers that env(1) and timeout(1) use. */
typedef enum
{
  TOOL_OK = 0,
  TOOL_FAILED = 1,
  TOOL_USAGE = 2,
  TOOL_NOT_FOUND = 3,
  TOOL_BUSY = 4,
  TOOL_PERMISSION_DENIED = 5,
  TOOL_NOT_SUPPORTED = 6,

  TOOL_RUN_CONFLICT = 124,
  TOOL_RUN_FAILED = 125,
  TOOL_RUN_NOT_EXECUTABLE = 126,
  TOOL_RUN_NO_COMMAND = 127,
  TOOL_RUN_SIGNAL = 128,
} ToolStatus;

/* A subcommand: its name is argv[0]. Answers how the program ends. */
typedef int (* ToolHandler) (int    argc,
                             char **argv);

int tool_run    (int    argc,
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

/* The whole program, but for what it asks the system at its start: ssem-tool-commands.c. */
int tool_dispatch (int    argc,
                   char **argv);

/* --- What this system has of it: ssem-tool-subcommands.c, or -win32 --- */

typedef struct
{
  const char *name;
  ToolHandler handler;
  const char *summary; /* NULL for one that only says that it is not there */
} ToolSubcommand;

/* The last has no name. */
extern const ToolSubcommand tool_subcommands[];

/* --- Standard streams: ssem-tool-streams-*.c --- */

/* To be called before anything is opened. Where the caller has closed one of them, a file of the
 * library could get its number, and what is printed would be written into that file. */
void        tool_keep_streams   (void);

/* To be called before anything is printed. Text is in the encoding of the user's locale, but in
 * UTF-8 where that is plain ASCII, as in a cron job: keys may be any text. */
void        tool_set_locale     (void);

/* --- Arguments: ssem-tool-arguments-*.c --- */

/* In UTF-8 where the system has that; else as they are. */
char      **tool_get_arguments  (char         **argv);

/* --- Arguments: ssem-tool-options.c --- */

/* The backend that --backend names; DEFAULT where it is not given. */
extern SsemBackend tool_backend;

/* Takes the options of the subcommand out of @argv, and --backend, --help and --version with them.
 * FALSE: the message has been printed; or what was asked for has, and @status, else left as it is,
 * is TOOL_OK. What is left is argv[1] and so on. The options end at `--`, which is taken out, too;
 * with @is_strict, also at the first argument that is none. */
gboolean    tool_parse          (int           *argc,
                                 char        ***argv,
                                 const char    *arguments,
                                 const char    *summary,
                                 GOptionEntry  *entries,
                                 gboolean       is_strict,
                                 int           *status);

/* Whether there are from @min to @max arguments behind the name, else it says so. */
gboolean    tool_check_count    (int            argc,
                                 char         **argv,
                                 int            min,
                                 int            max);

/* A number of units, at least @min. Says so where it is none. */
gboolean    tool_parse_units    (const char    *text,
                                 int            min,
                                 int           *units);

/* A number of seconds, 0 or more; in microseconds. */
gboolean    tool_parse_seconds  (const char    *text,
                                 gint64        *usec);

/* --- What can take for ever, without doing it --- */

typedef struct
{
  int n_count;      /* 0: as many as are wanted */
  int n_units;
  gint64 wait_usec; /* as ssem_system_semaphore_acquire_timeout () has it */
  int conflict_status;
  const char *key;  /* as the argument has it */
  char **command;
} ToolRun;

typedef struct
{
  gint64 interval_usec;
  char **keys;      /* of those to show, as the arguments have them; empty for all */
} ToolWatch;

/* FALSE: @status is how the program ends. What they point to are elements of @argv. */
gboolean    tool_run_parse      (int            argc,
                                 char         **argv,
                                 ToolRun       *run,
                                 int           *status);
gboolean    tool_watch_parse    (int            argc,
                                 char         **argv,
                                 ToolWatch     *watch,
                                 int           *status);

/* --- Messages: ssem-tool-options.c --- */

void        tool_print_error    (const char    *format,
                                 ...) G_GNUC_PRINTF (1, 2);
/* Prints the message, and answers the status that goes with it. */
int         tool_fail           (const GError  *error);

/* Says that what was to be printed could not be. */
int         tool_fail_to_write  (void);

/* Whether all that was printed until now could be written, else it says so. */
gboolean    tool_flush          (void);

/* The user is told how to be told more. */
int         tool_fail_usage     (const char    *command);

/* --- Keys as arguments and as output: ssem-tool-key*.c --- */

/* @key as output shows it on one line: as it is, or quoted where that would not be safe. */
char       *tool_key_to_text        (const char *key);

/* The key that @argument means: what tool_key_to_text () answered, or the key as it is. */
char       *tool_key_from_argument  (const char *argument);

/* --- What there is: ssem-tool-text.c --- */

const char *tool_backend_name   (SsemBackend    backend);

/* The semaphore of @key: in the backend that was asked for; else in the default one or, if it is
 * not there, in another that has it. */
SsemSemaphoreInfo *tool_find    (const char    *key,
                                 GError       **error);

/* All that there are, of the backend that was asked for. */
GPtrArray  *tool_list_all       (GError       **error);

/* Says so where it leaves some out, which belong to other users. */
void        tool_tell_of_others (void);

/* A table of them, a line each after the title. */
char       *tool_format_list    (GPtrArray     *infos);
/* All about one. */
char       *tool_format_info    (SsemSemaphoreInfo *info);

/* @text is cut or filled up to @width columns of a terminal. */
char       *tool_fit            (const char    *text,
                                 int            width,
                                 gboolean       is_padded);

/* The key as a line can show it; and for one that is not known. */
char       *tool_show_key       (SsemSemaphoreInfo *info);

/* Prints @text and a newline in UTF-8, whatever the locale is: for programs. */
void        tool_print_utf8     (const char    *text);

/* --- Processes: ssem-tool-spawn-*.c --- */

/* To be called first: goes on in another process where this one is process 1 of a container. TRUE:
 * this is the process to go on in. FALSE: it has been, and this one ends with @status. */
gboolean    tool_leave_process_1 (int *status);

/* To be called before the units are acquired. Where they would be lost if a key, such as Ctrl-C,
 * ended this program, the key no longer ends it from here on, but cancels the answer; then @status is
 * how to end. NULL where they come back. */
GCancellable *tool_heed_keys    (int           *status);

/* Runs it until it ends, and lets it die with this process. @status is how it ended, in the system's
 * terms; where the answer is FALSE, it did not run, what is to be said has been said, and @status is
 * how to end. */
gboolean    tool_run_command    (char         **command,
                                 int           *status);

/* Ends as a command did that ended so, or answers how to. */
int         tool_end_like       (int            status);

/* --- Processes of Unix: ssem-tool-guard-*.c --- */

/* To be called in a child of fork (): it dies with @parent, or has to end at once where the answer
 * is FALSE; then errno has the reason. */
gboolean    tool_die_with       (GPid           parent);

/* Whether the kernel, and not a process, has sent the signal; then it mostly is for a whole group. */
gboolean    tool_is_from_kernel (int            code);

/* No core file, whatever ends this program. */
void        tool_forbid_core    (void);

G_END_DECLS
