/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "system-call.h"

#include <ssem.h>

#include <signal.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Windows has no signals; helper_signal () does with a process what comes nearest. */
#ifndef SIGKILL
#define SIGKILL 9
#define SIGCONT 18
#define SIGSTOP 19
#endif

/* A process that runs test-helper, and what a test says to it. Its commands are described there.
 *
 * Each command is answered by one line. Where the answer may take until another process does
 * something, helper_send () and helper_expect_...() are used apart; everything else says and
 * expects in one. Everything that waits does so under the watchdog, and fails the test when that
 * runs out.
 */
typedef struct
{
  pid_t pid;       /* 0 once it has been reaped */
  int commands_fd;
  int answers_fd;
  int child_commands_fd;
  int child_answers_fd;
  GString *received; /* after the last answer that was looked at */
  gpointer process;  /* the system's handle on it, where it has such */
} Helper;

#define WATCHDOG_USEC (60 * G_USEC_PER_SEC)

typedef gboolean (* Condition) (gpointer data);

/* The step of a script that begins, for messages; NULL at the end. The text is not copied. */
void      helper_note_step        (const char *text);

/* To be called before the others. */
void      helper_begin_watching   (void);

/* Looks at @condition until it holds. */
void      wait_for                (const char *what,
                                   Condition   condition,
                                   gpointer    data);

/* Whether @n_threads of the process are in the system call in which @backend waits for units. */
gboolean  are_blocked             (SsemBackend backend,
                                   pid_t       pid,
                                   guint       n_threads);

/* Waits for that. */
void      wait_until_blocked      (SsemBackend backend,
                                   pid_t       pid,
                                   guint       n_threads);

/* Whether the process, which has one such thread, sleeps in that call now. One that a
 * tracer has stopped at the beginning of the call does not sleep. */
gboolean  is_blocked              (SsemBackend backend,
                                   pid_t       pid);

/* How many threads of that name the process has, or in all where @name is NULL. */
guint     count_threads_named     (pid_t       pid,
                                   const char *name);

/* This process dies when that time is over, and its helpers with it; 0 for never. */
void      helper_limit_lifetime   (guint       seconds);

/* Whether a helper can become another user. */
gboolean  helper_may_change_user  (void);

/* @answered is called after every answer of any helper, while what it opened is there. */
void      helper_observe          (GFunc       answered,
                                   gpointer    data);

Helper   *helper_new              (SsemBackend backend);
void      helper_free             (Helper     *self);

/* Has it fork. The child has a helper of its own, and the objects of its parent. */
Helper   *helper_fork             (Helper     *self);

void      helper_send             (Helper     *self,
                                   const char *format,
                                   ...) G_GNUC_PRINTF (2, 3);
char     *helper_receive          (Helper     *self);
void      helper_expect_ok        (Helper     *self);
void      helper_expect_error     (Helper     *self,
                                   GQuark      domain,
                                   int         code);
#define helper_expect_code(self, code) \
  helper_expect_error (self, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_##code)

/* Sends the command, and expects the answer `ok`. */
void      helper_run_expect_ok    (Helper     *self,
                                   const char *format,
                                   ...) G_GNUC_PRINTF (2, 3);
/* The same for a command that needs permission. Without permission, the helper answers `no`. Then
 * skips the test for @reason, and returns FALSE. */
gboolean  helper_may              (Helper     *self,
                                   const char *command,
                                   const char *reason);
void      helper_open             (Helper         *self,
                                   int             slot,
                                   SsemAccessMode  mode,
                                   int             initial_value,
                                   gboolean        undo,
                                   const char     *key);
void      helper_open_native      (Helper         *self,
                                   int             slot,
                                   SsemAccessMode  mode,
                                   int             initial_value,
                                   const char     *native_key);
void      helper_send_open        (Helper         *self,
                                   int             slot,
                                   SsemAccessMode  mode,
                                   int             initial_value,
                                   gboolean        undo,
                                   const char     *key);
int       helper_get_value        (Helper     *self,
                                   int         slot);

/* Whether an answer is there already; FALSE proves nothing by itself. */
gboolean  helper_has_answered     (Helper     *self);

/* Waits until the kernel closes the helper's end of the pipe, while the helper dies. */
void      helper_wait_for_eof     (Helper     *self);

void      helper_signal           (Helper     *self,
                                   int         number);
/* Waits until it is stopped. */
void      helper_stop             (Helper     *self);
/* Traces it from here on, as long as it lives; FALSE where the system forbids that. */
gboolean  helper_trace            (Helper     *self);
/* Lets a traced one run until it is about to make this system call with this third argument. There
 * it stays; helper_step () lets it finish the call. */
void      helper_run_to           (Helper         *self,
                                   SystemCallKind  kind,
                                   guint64         third);
void      helper_step             (Helper     *self);
/* Leads a traced one, which has been told what to do, to the @n-th entry or exit of a system call,
 * from 0, and leaves it there. Returns FALSE where it has done all before. */
gboolean  helper_lead             (Helper     *self,
                                   guint       n);
/* The same for one that has been told to end. Returns FALSE where it is about to end. */
gboolean  helper_lead_to_end      (Helper     *self,
                                   guint       n);
/* Traces it no longer, and lets it run. */
void      helper_let_go           (Helper     *self);
/* Waits until it has gone for good, and answers how: see waitpid(2), or -1 for a child of a helper
 * whose parent still lives. */
int       helper_reap             (Helper     *self);
void      helper_kill             (Helper     *self);
/* Lets it replace its program. What the old program had in a cluster is gone afterwards. */
void      helper_exec             (Helper     *self);
/* Lets it drop all objects and end in good order. */
void      helper_quit             (Helper     *self);

G_END_DECLS
