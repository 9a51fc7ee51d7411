/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-terminal-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The default action is restored while the handler runs, and the signal is not blocked. */
#define STOPPED_FLAGS (SA_RESETHAND | SA_NODEFER | SA_RESTART)

gboolean
tool_terminal_is_output (void)
{
  return isatty (STDOUT_FILENO);
}

void
tool_terminal_get_size (int *n_rows,
                        int *n_columns)
{
  struct winsize size = { 0 };

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    size = (struct winsize) { 0 };
  *n_rows = size.ws_row > 0 ? size.ws_row : 24;
  *n_columns = size.ws_col > 0 ? size.ws_col : 80;
}

/* Writes without a buffer or a lock, so that a signal handler may call this function. */
static void
write_to_terminal (const char *text)
{
  gssize n_written = write (STDOUT_FILENO, text, strlen (text));

  /* This fails only if the terminal is gone. */
  (void) n_written;
}

/* Shows the cursor while Ctrl-Z stops this process. Nothing here may take a lock, because the
 * signal can interrupt any code. */
static void
stopped_cb (int number)
{
  const struct sigaction stopped = { .sa_handler = stopped_cb, .sa_flags = STOPPED_FLAGS };
  int error = errno;

  write_to_terminal (TOOL_SHOW_CURSOR);
  /* The default action stops the process in this call, until it continues. */
  raise (number);
  sigaction (number, &stopped, NULL);
  write_to_terminal (TOOL_HIDE_CURSOR);
  /* Other programs have used the terminal, and its size may have changed: redraw everything. */
  raise (SIGWINCH);
  errno = error;
}

/* Ends the program as SIGTERM does: g_unix_signal_add () does not support SIGQUIT. */
static void
quit_cb (int number)
{
  raise (SIGTERM);
}

static void
catch_terminal_signals (void)
{
  const struct sigaction stopped = { .sa_handler = stopped_cb, .sa_flags = STOPPED_FLAGS };
  const struct sigaction quit = { .sa_handler = quit_cb, .sa_flags = SA_RESTART };
  struct sigaction before;

  sigaction (SIGQUIT, &quit, NULL);
  /* Without job control, a shell starts its children with SIGTSTP ignored, because nothing would
   * continue them. */
  if (sigaction (SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction (SIGTSTP, &stopped, NULL);
}

/* Ends the program as writing a line to the pipe would. */
static gboolean
pipe_closed_cb (int          fd,
                GIOCondition condition,
                gpointer     data)
{
  const ToolTerminalEvents *events = data;

  raise (SIGPIPE);

  return events->closed (events->data);
}

void
tool_terminal_watch (const ToolTerminalEvents *events,
                     gboolean                  on_terminal)
{
  g_unix_signal_add (SIGINT, events->end, events->data);
  g_unix_signal_add (SIGTERM, events->end, events->data);
  g_unix_signal_add (SIGHUP, events->end, events->data);
  if (on_terminal)
    {
      g_unix_signal_add (SIGWINCH, events->resized, events->data);
      catch_terminal_signals ();
    }
  else
    {
      g_unix_fd_add (STDOUT_FILENO, G_IO_ERR | G_IO_HUP, pipe_closed_cb, (gpointer) events);
    }
}
