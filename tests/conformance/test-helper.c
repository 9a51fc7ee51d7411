/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The other process of a conformance test.
 *
 *   test-helper BACKEND
 *
 * reads commands, one a line, and answers each with one line: `ok`, `ok RESULT` or
 * `error DOMAIN CODE MESSAGE`. BACKEND is the number of a backend. SLOT numbers the objects that it
 * keeps; KEY and MESSAGE are written as g_strescape () does.
 *
 *   open SLOT MODE INITIAL UNDO KEY     a new object
 *   set-key SLOT MODE INITIAL KEY       ssem_system_semaphore_set_key ()
 *   acquire|try|release SLOT N          the method of that name; so are value and timeout
 *   timeout|interruptible SLOT N USEC   acquire_timeout (), acquire_interruptible ()
 *   value SLOT
 *   mode SLOT                           `ok MODE` of get_mode ()
 *   async SLOT N                        acquire_async (), answered when it has completed
 *   begin SLOT N, end SLOT              the same in two steps
 *   last SLOT                           `ok CODE MESSAGE` of get_error () and get_error_string ()
 *   close SLOT                          drops the object, which nothing else may keep
 *   look KEY                            ssem_semaphore_info_query (): `ok`, and `NAME=FIGURE` for
 *                                       each figure, `PID:UNITS:COMMAND` for each holder
 *   list                                `ok N` of ssem_semaphore_info_list ()
 *   clear KEY                           ssem_semaphore_remove_leftover ()
 *   reset INITIAL KEY                   ssem_semaphore_reset ()
 *   fork                                `ok PID`; the child listens on descriptor 3, answers on 4,
 *                                       and says `ok` by itself when it does
 *   wait PID                            reaps such a child
 *   raw-fork                            `ok PID` of a child that no handler of fork () has seen; it
 *                                       does nothing until it is killed
 *   exec                                this program again, in the same process
 *   exit N, _exit N, abort, quit        quit drops all objects first
 *   serve-late                          exit obeys on after the library's own end, until quit
 *   timer USEC                          a signal with a handler every so often; `ok COUNT`
 *   pairs SLOT N                        N times an acquire and a release of one unit
 *   hammer SLOT THREADS [N], calm       threads that acquire and release one unit, or n, until calm
 *   churn ROUNDS SEED FILE KEY          see churn (), in test-helper-contest.c
 *   race PROCESSES ROUNDS FILE KEY      see race (), there; at most so many rounds
 *   operate ROUNDS INITIAL KEY          see operate (), there
 *   reset-loop SLOT INITIAL KEY         opens with CREATE again and again, until it is killed
 *   limit NAME N                        setrlimit (2), the soft limit; see limit_by_name ()
 *   lock-memory                         mlockall (2) for memory to come, or `no`
 *   files N, uid N, setenv NAME VALUE   limits descriptors, changes user, sets the environment
 *   umask MODE                          which rights files don't get, in octal digits
 *   name NAME                           what the system calls the program
 *   no-sets                             moves to where the kernel grants no semaphore sets, or `no`
 *   no-inotify                          the same for inotify instances
 *   new-pids                            children are in a name space of their own, or `no`
 *   full OPTIONS DIRECTORY               a tmpfs of its own there, remounted the next time, or `no`
 *   bind READONLY FROM TO               mounts a directory elsewhere, for itself alone, or `no`
 *   chdir DIRECTORY                     changes the current directory
 *   chroot DIRECTORY                    makes it the root of the process, or `no`
 *   cover DIRECTORY                     mounts an empty directory over it, for itself alone, or
 *                                       `no`
 *   new-time MONOTONIC BOOTTIME         children have clocks that many seconds ahead, or `no`
 *   strangers KIND DIRECTORY            closes all descriptors but its own two; each number becomes
 *                                       a file or pipe of the program's, the directory, or none
 *   wait-in-thread SLOT N, join-thread  an acquire in another thread, and its result
 *   exit-on-signal N                    the handler of SIGUSR1 calls exit ()
 *   release-on-signal SLOT N            the handler of SIGUSR1 releases that much
 *   note-signals                        the handler of SIGUSR1 does nothing, and has SA_RESTART
 *   resume SLOT N                       acquire_interruptible () until it is not interrupted, and
 *                                       `ok COUNT` of the interruptions
 *   signals SLOT N                      operates, while so many signals come whose handler does the
 *                                       same; `ok BALANCE`, what was acquired less what was
 *                                       released
 *   signals-in-wait SLOT N UNITS        acquires so many units N times, which as many signals
 *                                       release; `ok BALANCE`
 *   crowd SLOT N                        threads that acquire a unit and keep it; `ok COUNT CODE`
 *   passers SLOT N                      threads, all together, that acquire and release a unit, and
 *                                       end
 */

#include "test-helper.h"

#include "../modules/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SLOTS 8
#define MAX_THREADS 8

#define CLOSE_USEC (10 * G_USEC_PER_SEC)

int commands_fd = STDIN_FILENO;
int answer_fd = STDOUT_FILENO;

static SsemBackend backend;
static SsemSystemSemaphore *slots[MAX_SLOTS];
static GAsyncResult *begun; /* set when it has completed */

static GThread *hammers[MAX_THREADS];
static int n_hammers;
static int n_units_of_hammer;
static atomic_bool hammering;

void
answer (const char *format,
        ...)
{
  g_autofree char *line = NULL;
  gsize length, written = 0;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);

  length = strlen (line);
  line[length++] = '\n';
  while (written < length)
    {
      gssize result = write (answer_fd, line + written, length - written);

      if (result > 0)
        written += result;
      else if (errno != EINTR)
        _exit (97);
    }
}

void
answer_result (gboolean      is_ok,
               const GError *error)
{
  g_autofree char *message = NULL;

  /* The one rule that every call has: an error if and only if it failed. */
  if (is_ok == (error != NULL))
    {
      answer ("broken success %d, error set %d", is_ok, error != NULL);
      return;
    }

  if (is_ok)
    {
      answer ("ok");
      return;
    }

  message = g_strescape (error->message, NULL);
  answer ("error %s %d %s", g_quark_to_string (error->domain), error->code, message);
}

gboolean
is_channel (int fd)
{
  return fd == commands_fd || fd == answer_fd;
}

SsemSystemSemaphore *
open_object (const char      *key,
             int              initial_value,
             SsemAccessMode   mode,
             gboolean         undo,
             GError         **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "key", key,
                         "initial-value", initial_value,
                         "mode", mode,
                         "undo", undo,
                         "backend", backend,
                         NULL);
}

static SsemSystemSemaphore *
open_native (const char      *native_key,
             int              initial_value,
             SsemAccessMode   mode,
             gboolean         undo,
             GError         **error)
{
  return g_initable_new (SSEM_TYPE_SYSTEM_SEMAPHORE, NULL, error,
                         "native-key", native_key,
                         "initial-value", initial_value,
                         "mode", mode,
                         "undo", undo,
                         NULL);
}

static void
operate_pairs (SsemSystemSemaphore *semaphore,
               int                  n)
{
  g_autoptr(GError) error = NULL;
  gboolean is_ok = TRUE;
  int i;

  for (i = 0; i < n && is_ok; i++)
    is_ok = ssem_system_semaphore_acquire (semaphore, 1, NULL, &error) &&
            ssem_system_semaphore_release (semaphore, 1, &error);
  answer_result (is_ok, error);
}

static gpointer
hammer (gpointer data)
{
  SsemSystemSemaphore *semaphore = data;

  while (atomic_load (&hammering))
    {
      g_autoptr(GError) error = NULL;

      if (!ssem_system_semaphore_acquire (semaphore, n_units_of_hammer, NULL, &error) ||
          !ssem_system_semaphore_release (semaphore, n_units_of_hammer, &error))
        g_error ("hammer: %s", error->message);
    }

  return NULL;
}

void
forget_hammers (void)
{
  n_hammers = 0;
}

static void
start_hammers (SsemSystemSemaphore *semaphore,
               int                  n,
               int                  n_units)
{
  n_units_of_hammer = n_units;
  atomic_store (&hammering, TRUE);
  for (n_hammers = 0; n_hammers < MIN (n, MAX_THREADS); n_hammers++)
    hammers[n_hammers] = g_thread_new ("hammer", hammer, semaphore);
}

static void
stop_hammers (void)
{
  atomic_store (&hammering, FALSE);
  while (n_hammers > 0)
    g_thread_join (hammers[--n_hammers]);
}

static void
reset_loop (SsemSystemSemaphore *semaphore,
            int                  initial_value,
            const char          *key)
{
  answer ("ok");
  for (;;)
    {
      g_autoptr(GError) error = NULL;

      if (!ssem_system_semaphore_set_key (semaphore, key, initial_value, SSEM_ACCESS_MODE_CREATE,
                                          &error))
        g_error ("reset-loop: %s", error->message);
    }
}

static void
acquired_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  GAsyncResult **place = data;

  *place = g_object_ref (result);
}

static void
answer_when_complete (SsemSystemSemaphore  *semaphore,
                      GAsyncResult        **place)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_ok;

  while (*place == NULL)
    g_main_context_iteration (NULL, TRUE);
  result = g_steal_pointer (place);
  is_ok = ssem_system_semaphore_acquire_finish (semaphore, result, &error);
  answer_result (is_ok, error);
}

static void
acquire_through_loop (SsemSystemSemaphore *semaphore,
                      int                  n)
{
  GAsyncResult *result = NULL;

  ssem_system_semaphore_acquire_async (semaphore, n, NULL, acquired_cb, &result);
  answer_when_complete (semaphore, &result);
}

static void
drop_all (void)
{
  int i;

  for (i = 0; i < MAX_SLOTS; i++)
    g_clear_object (&slots[i]);
}

/* Nothing but the slot may keep the object, once a thread that serves requests is through. */
static void
close_object (SsemSystemSemaphore **slot)
{
  gint64 deadline_usec = g_get_monotonic_time () + CLOSE_USEC;
  gpointer object = *slot;

  g_object_add_weak_pointer (object, &object);
  g_clear_object (slot);
  while (object != NULL && g_get_monotonic_time () < deadline_usec)
    g_thread_yield ();
  if (object != NULL)
    {
      g_object_remove_weak_pointer (object, &object);
      answer ("broken: something keeps the object");
      return;
    }
  answer ("ok");
}

/* The methods that succeed or fail. Returns FALSE where the command is none. */
static gboolean
call_method (SsemSystemSemaphore  *self,
             char                **words,
             guint                 n_words)
{
  const char *command = words[0];
  int n = n_words > 2 ? atoi (words[2]) : 0;
  g_autofree char *key = NULL;
  g_autoptr(GError) error = NULL;
  gboolean is_ok;

  if (g_str_equal (command, "acquire") && n_words == 3)
    is_ok = ssem_system_semaphore_acquire (self, n, NULL, &error);
  else if (g_str_equal (command, "try") && n_words == 3)
    is_ok = ssem_system_semaphore_try_acquire (self, n, &error);
  else if (g_str_equal (command, "timeout") && n_words == 4)
    is_ok = ssem_system_semaphore_acquire_timeout (self, n, g_ascii_strtoll (words[3], NULL, 10),
                                                   NULL, &error);
  else if (g_str_equal (command, "interruptible") && n_words == 4)
    is_ok = ssem_system_semaphore_acquire_interruptible (self, n,
                                                         g_ascii_strtoll (words[3], NULL, 10), NULL,
                                                         &error);
  else if (g_str_equal (command, "release") && n_words == 3)
    is_ok = ssem_system_semaphore_release (self, n, &error);
  else if (g_str_equal (command, "set-key") && n_words == 5)
    is_ok = ssem_system_semaphore_set_key (self, (key = g_strcompress (words[4])), atoi (words[3]),
                                           n, &error);
  else
    return FALSE;

  answer_result (is_ok, error);

  return TRUE;
}

static gboolean
obey_for_object (SsemSystemSemaphore **slot,
                 char                **words,
                 guint                 n_words)
{
  const char *command = words[0];
  g_autoptr(GError) error = NULL;
  int n = n_words > 2 ? atoi (words[2]) : 0;

  if (g_str_equal (command, "open") && n_words == 6)
    {
      g_autofree char *key = g_strcompress (words[5]);

      g_clear_object (slot);
      *slot = open_object (key, atoi (words[3]), n, atoi (words[4]), &error);
      answer_result (*slot != NULL, error);
      return TRUE;
    }

  if (g_str_equal (command, "open-native") && n_words == 6)
    {
      g_autofree char *native_key = g_strcompress (words[5]);

      g_clear_object (slot);
      *slot = open_native (native_key, atoi (words[3]), n, atoi (words[4]), &error);
      answer_result (*slot != NULL, error);
      return TRUE;
    }

  if (*slot == NULL)
    return FALSE;
  if (call_method (*slot, words, n_words))
    return TRUE;

  if (g_str_equal (command, "value") && n_words == 2)
    {
      int value = ssem_system_semaphore_get_value (*slot, &error);

      if (error == NULL && value >= 0)
        answer ("ok %d", value);
      else
        answer_result (value >= 0, error);
    }
  else if (g_str_equal (command, "mode") && n_words == 2)
    {
      answer ("ok %d", (int) ssem_system_semaphore_get_mode (*slot));
    }
  else if (g_str_equal (command, "last") && n_words == 2)
    {
      g_autofree char *message = ssem_system_semaphore_get_error_string (*slot);
      g_autofree char *escaped = g_strescape (message, NULL);

      answer ("ok %d %s", (int) ssem_system_semaphore_get_error (*slot), escaped);
    }
  else if (g_str_equal (command, "async") && n_words == 3)
    {
      acquire_through_loop (*slot, n);
    }
  else if (g_str_equal (command, "begin") && n_words == 3)
    {
      ssem_system_semaphore_acquire_async (*slot, n, NULL, acquired_cb, &begun);
      answer ("ok");
    }
  else if (g_str_equal (command, "end") && n_words == 2)
    {
      answer_when_complete (*slot, &begun);
    }
  else if (g_str_equal (command, "close") && n_words == 2)
    {
      close_object (slot);
    }
  else if (g_str_equal (command, "hammer") && n_words >= 3)
    {
      start_hammers (*slot, n, n_words > 3 ? atoi (words[3]) : 1);
      answer ("ok");
    }
  else if (g_str_equal (command, "reset-loop") && n_words == 4)
    {
      g_autofree char *key = g_strcompress (words[3]);

      reset_loop (*slot, n, key);
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}

/* --- The semaphore from outside --- */

static void
look (const char *key)
{
  g_autoptr(GString) line = g_string_new ("ok");
  g_autoptr(SsemSemaphoreInfo) info = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *holders;
  guint i;

  info = ssem_semaphore_info_query (key, backend, &error);
  if (info == NULL || error != NULL)
    {
      answer_result (info != NULL, error);
      return;
    }

  holders = ssem_semaphore_info_get_holders (info);
  g_string_append_printf (line, " value=%d initial=%d attached=%d waiters=%d held=%d holders=%d",
                          ssem_semaphore_info_get_value (info),
                          ssem_semaphore_info_get_initial_value (info),
                          ssem_semaphore_info_get_n_attached (info),
                          ssem_semaphore_info_get_n_waiters (info),
                          (int) ssem_semaphore_info_get_units_held (info),
                          holders != NULL ? (int) holders->len : -1);
  g_string_append_printf (line, " leftover=%d", ssem_semaphore_info_is_leftover (info));
  for (i = 0; holders != NULL && i < holders->len; i++)
    {
      int pid = (int) ssem_process_info_get_pid (holders->pdata[i]);

      if (i > 0 && pid <= (int) ssem_process_info_get_pid (holders->pdata[i - 1]))
        g_string_assign (line, "broken: the holders are not sorted");
      g_string_append_printf (line, " %d:%d:%s", pid,
                              (int) ssem_process_info_get_units (holders->pdata[i]),
                              ssem_process_info_get_command (holders->pdata[i]));
    }
  answer ("%s", line->str);
}

static gboolean
obey_for_outside (char  **words,
                  guint   n_words)
{
  g_autofree char *key = n_words > 1 ? g_strcompress (words[n_words - 1]) : NULL;
  g_autoptr(GError) error = NULL;

  if (g_str_equal (words[0], "look") && n_words == 2)
    {
      look (key);
    }
  else if (g_str_equal (words[0], "list"))
    {
      g_autoptr(GPtrArray) infos = ssem_semaphore_info_list (backend, &error);

      if (infos != NULL && error == NULL)
        answer ("ok %u", infos->len);
      else
        answer_result (infos != NULL, error);
    }
  else if (g_str_equal (words[0], "clear") && n_words == 2)
    {
      gboolean is_ok = ssem_semaphore_remove_leftover (key, backend, &error);

      answer_result (is_ok, error);
    }
  else if (g_str_equal (words[0], "reset") && n_words == 3)
    {
      gboolean is_ok = ssem_semaphore_reset (key, atoi (words[1]), backend, &error);

      answer_result (is_ok, error);
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}

static gboolean serves_late;

static gboolean
obey_for_process (char  **words,
                  guint   n_words)
{
  const char *command = words[0];
  int n = n_words > 1 ? atoi (words[1]) : 0;

  if (g_str_equal (command, "exit") && n_words == 2)
    {
      exit (n);
    }
  else if (g_str_equal (command, "_exit") && n_words == 2)
    {
      _exit (n);
    }
  else if (g_str_equal (command, "abort"))
    {
      abort ();
    }
  else if (g_str_equal (command, "serve-late"))
    {
      serves_late = TRUE;
      answer ("ok");
    }
  else if (g_str_equal (command, "calm"))
    {
      stop_hammers ();
      answer ("ok");
    }
  else if (g_str_equal (command, "pairs") && n_words == 3)
    {
      operate_pairs (slots[n], atoi (words[2]));
    }
  else if (g_str_equal (command, "setenv") && n_words == 3)
    {
      g_setenv (words[1], words[2], TRUE);
      answer ("ok");
    }
  else
    {
      return FALSE;
    }

  return TRUE;
}

/* NULL at the end. Byte by byte, as the timer of this very program interrupts it. */
static char *
read_line (void)
{
  GString *line = g_string_new (NULL);
  gssize n_read;
  char byte;

  for (;;)
    {
      n_read = read (commands_fd, &byte, 1);
      if (n_read < 0 && errno == EINTR)
        continue;
      if (n_read <= 0 || byte == '\n')
        break;
      g_string_append_c (line, byte);
    }

  return g_string_free (line, n_read <= 0);
}

/* Returns how many words the command has at most: the key is last, and may have spaces. */
static int
count_words (const char *line)
{
  static const struct
  {
    const char *command;
    int n_words;
  } commands[] = {
    { "look ", 2 },
    { "clear ", 2 },
    { "reset ", 3 },
    { "reset-loop ", 4 },
    { "operate ", 4 },
    { "open ", 6 },
    { "open-native ", 6 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (g_str_has_prefix (line, commands[i].command))
        return commands[i].n_words;
    }

  return 5;
}

static void
serve (char **argv)
{
  char *line;

  while ((line = read_line ()) != NULL && !g_str_equal (line, "quit"))
    {
      g_auto(GStrv) words = NULL;
      guint n_words;
      gboolean is_known;
      int slot = -1;

      words = g_strsplit (line, " ", count_words (line));
      n_words = g_strv_length (words);
      if (n_words > 1)
        slot = atoi (words[1]);

      is_known = obey_for_process (words, n_words) ||
                 obey_for_outside (words, n_words) ||
                 obey_for_contest (words, n_words) ||
                 obey_for_system (words, n_words, argv) ||
                 obey_for_world (slots, words, n_words) ||
                 (slot >= 0 && slot < MAX_SLOTS && obey_for_object (&slots[slot], words, n_words));
      if (!is_known)
        answer ("broken command: %s", line);
      g_free (line);
    }

  g_free (line);
}

static char **arguments;

static void
serve_late (void)
{
  if (serves_late)
    serve (arguments);
}

int
main (int    argc,
      char **argv)
{
  if (argc < 2)
    return 96;
  backend = atoi (argv[1]);
  if (backend == MEMORY_BACKEND)
    memory_load ();
  arguments = argv;

  /* Before the library does so: what is asked for first is called last. */
  atexit (serve_late);
  begin_for_system ();
  if (argc > 2)
    answer ("ok");

  serve (argv);
  drop_all ();

  return 0;
}
