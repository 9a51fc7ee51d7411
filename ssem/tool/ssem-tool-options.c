/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <stdio.h>
#include <string.h>

/* The codes of errors that end the parsing because of --help or --version. */
typedef enum
{
  REQUEST_HELP,
  REQUEST_VERSION,
} Request;

#define MAX_TIME_USEC 1e15 /* some thirty years */

SsemBackend tool_backend = SSEM_BACKEND_DEFAULT;
char *tool_address;
char *tool_native_key;

/* The values of the options of tool_wait_entries. */
static char *wait_text;
static char *conflict_text;
static gboolean never_waits;
static gboolean is_quiet;

const GOptionEntry tool_native_key_entry = {
  "native-key", 0, 0, G_OPTION_ARG_STRING, &tool_native_key,
  N_("Use this native key, such as “systemv:/run/user/1000/market”, instead of a key"),
  N_("NATIVE-KEY"),
};

const GOptionEntry tool_wait_entries[TOOL_N_WAIT_ENTRIES] = {
  { "wait", 'w', 0, G_OPTION_ARG_STRING, &wait_text,
    N_("Wait for the units at most this long, such as 90, 500ms or 2m (default: forever)"),
    N_("TIME") },
  { "nonblock", 'n', 0, G_OPTION_ARG_NONE, &never_waits,
    N_("Fail instead of waiting"), NULL },
  { "conflict-exit-code", 'E', 0, G_OPTION_ARG_STRING, &conflict_text,
    N_("Exit with this status if the units are not free in time (default: 124)"), N_("NUMBER") },
  { "quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet,
    N_("Print no message if the units are not free in time"), NULL },
};

void
tool_print_error (const char *format,
                  ...)
{
  g_autofree char *text = NULL;
  g_autofree char *shown = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* Keys, arguments and file names in a message may come from other users. */
  shown = ssem_display_text (text);
  g_printerr ("ssem: %s\n", shown);
}

int
tool_fail (const GError *error)
{
  tool_print_error ("%s", error->message);

  if (g_error_matches (error, SSEM_IO_ERROR, G_IO_ERROR_BUSY))
    return TOOL_BUSY;
  if (g_error_matches (error, SSEM_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return TOOL_USAGE;
  if (g_error_matches (error, SSEM_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return TOOL_NOT_SUPPORTED;
  if (error->domain != SSEM_SYSTEM_SEMAPHORE_ERROR)
    return TOOL_FAILED;

  switch (error->code)
    {
    case SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND:
      return TOOL_NOT_FOUND;
    case SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED:
      tool_print_error ("%s", _("If the semaphore belongs to another user, run ssem as that user, "
                                "for example with sudo"));
      return TOOL_PERMISSION_DENIED;
    default:
      return TOOL_FAILED;
    }
}

int
tool_fail_to_write (void)
{
  tool_print_error ("%s", _("Could not write to standard output"));

  return TOOL_FAILED;
}

gboolean
tool_flush (void)
{
  /* g_print () flushes the stream itself, and loses errno. */
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;

  tool_fail_to_write ();

  return FALSE;
}

int
tool_fail_usage (const char *command)
{
  if (command != NULL)
    g_printerr (_("Run “ssem %s --help” for help.\n"), command);
  else
    g_printerr ("%s\n", _("Run “ssem --help” for help."));

  return TOOL_USAGE;
}

/* Returns the names of the supported backends, for a message. */
static char *
list_backends (void)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  g_auto(GStrv) supported = NULL;
  int i;

  for (i = 0; ssem_backend_get_name (i) != NULL; i++)
    {
      if (ssem_backend_is_supported (i))
        g_strv_builder_add (names, ssem_backend_get_name (i));
    }
  supported = g_strv_builder_end (names);

  return g_strjoinv (", ", supported);
}

static gboolean
backend_cb (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  g_autoptr(GError) failure = NULL;
  g_autofree char *names = NULL;
  int i;

  for (i = 0; ssem_backend_get_name (i) != NULL; i++)
    {
      if (!g_str_equal (ssem_backend_get_name (i), value))
        continue;
      if (ssem_backend_choose (i, &failure) != NULL)
        {
          tool_backend = i;
          return TRUE;
        }
      if (i == SSEM_BACKEND_ETCD)
        {
          /* It names the file that is missing. */
          g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, failure->message);
          return FALSE;
        }
    }

  names = list_backends ();
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               _("Backend “%s” is not available on this system; use one of: %s"), value, names);

  return FALSE;
}

static GQuark
request_quark (void)
{
  return g_quark_from_static_string ("ssem-tool-request-quark");
}

/* Ends the parsing, so that --help works even if the rest of the arguments is wrong. */
static gboolean
request_cb (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  g_set_error_literal (error, request_quark (),
                       g_str_equal (option, "--version") ? REQUEST_VERSION : REQUEST_HELP, "");

  return FALSE;
}

static GOptionContext *
new_context (const char   *arguments,
             const char   *summary,
             GOptionEntry *entries)
{
  const GOptionEntry common[] = {
    { "backend", 0, 0, G_OPTION_ARG_CALLBACK, backend_cb,
      N_("Use this backend: shared-memory, sysv, posix, windows or etcd"), N_("NAME") },
    { "address", 0, 0, G_OPTION_ARG_STRING, &tool_address,
      N_("Use the service of the backend at this address"), N_("ADDRESS") },
    { "version", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, request_cb,
      N_("Print the version and exit"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionContext *context = g_option_context_new (arguments);

  g_option_context_set_summary (context, summary);
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_add_main_entries (context, common, GETTEXT_PACKAGE);

  return context;
}

/* Removes the `--` that ends the options. GLib removes the separator itself unless an argument
 * after it begins with a dash. If GLib has removed the separator, no other `--` is left in
 * @argv. */
static void
drop_separator (int      *argc,
                char    **argv,
                gboolean  is_strict)
{
  /* With @is_strict, the first argument ends the options, so only argv[1] can be the separator. */
  int end = is_strict ? MIN (*argc, 2) : *argc;
  int i;

  for (i = 1; i < end; i++)
    {
      if (g_str_equal (argv[i], "--"))
        {
          /* The NULL at the end moves along. */
          memmove (argv + i, argv + i + 1, (gsize) (*argc - i) * sizeof *argv);
          (*argc)--;
          return;
        }
    }
}

gboolean
tool_parse (int            *argc,
            char         ***argv,
            const char     *arguments,
            const char     *summary,
            GOptionEntry   *entries,
            gboolean        is_strict,
            int            *status)
{
  /* GLib's own help options call exit (). They are listed in the help all the same. */
  const GOptionEntry helps[] = {
    { "help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, request_cb, NULL, NULL },
    { "help-all", '?', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, request_cb, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *command = g_strdup ((*argv)[0]);
  g_autofree char *program = g_strconcat ("ssem ", command, NULL);
  g_autoptr(GOptionContext) context = new_context (arguments, summary, entries);
  g_autoptr(GError) error = NULL;

  /* The usage line of the help begins with this name. */
  g_set_prgname (program);
  tool_backend = SSEM_BACKEND_DEFAULT;
  g_clear_pointer (&tool_address, g_free);
  g_clear_pointer (&tool_native_key, g_free);
  g_clear_pointer (&wait_text, g_free);
  g_clear_pointer (&conflict_text, g_free);
  never_waits = is_quiet = FALSE;
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, helps, NULL);
  g_option_context_set_strict_posix (context, is_strict);
  if (g_option_context_parse (context, argc, argv, &error))
    {
      drop_separator (argc, *argv, is_strict);
      return TRUE;
    }

  if (g_error_matches (error, request_quark (), REQUEST_VERSION))
    {
      g_print ("ssem %s\n", PACKAGE_VERSION);
      *status = TOOL_OK;
    }
  else if (g_error_matches (error, request_quark (), REQUEST_HELP))
    {
      g_autoptr(GOptionContext) shown = new_context (arguments, summary, entries);
      g_autofree char *help = g_option_context_get_help (shown, TRUE, NULL);

      g_print ("%s", help);
      *status = TOOL_OK;
    }
  else
    {
      tool_print_error ("%s", error->message);
      tool_fail_usage (command);
    }

  return FALSE;
}

gboolean
tool_check_count (int    argc,
                  char **argv,
                  int    n_min,
                  int    n_max)
{
  int n = argc - 1 + (tool_native_key != NULL);

  if (n_min <= n && n <= n_max)
    return TRUE;

  if (n < n_min)
    tool_print_error ("%s", _("Missing argument"));
  else
    tool_print_error (_("Unexpected argument “%s”"), argv[argc - (n - n_max)]);
  tool_fail_usage (argv[0]);

  return FALSE;
}

gboolean
tool_parse_units (const char *text,
                  const char *name,
                  int         min,
                  int        *units)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, min, G_MAXINT, &number, NULL))
    {
      /* Translators: the first %s is what the user wrote, the second is the name of an option such
       * as --units, or of an argument. */
      tool_print_error (_("Invalid value “%s” of %s: use a number of units from %d to %d"), text,
                        name, min, G_MAXINT);
      return FALSE;
    }
  *units = (int) number;

  return TRUE;
}

gboolean
tool_parse_time (const char *text,
                 const char *option,
                 gint64     *usec)
{
  static const struct
  {
    const char *suffix;
    gint64 usec;
  } scales[] = {
    { "", G_USEC_PER_SEC },
    { "ms", G_USEC_PER_SEC / 1000 },
    { "s", G_USEC_PER_SEC },
    { "m", 60 * (gint64) G_USEC_PER_SEC },
    { "h", 3600 * (gint64) G_USEC_PER_SEC },
    { "d", 86400 * (gint64) G_USEC_PER_SEC },
  };
  char *end = NULL;
  double number = g_ascii_strtod (text, &end);
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (scales) && end > text; i++)
    {
      double time = number * (double) scales[i].usec;

      if (!g_str_equal (end, scales[i].suffix) || !(time >= 0 && time <= MAX_TIME_USEC))
        continue;
      *usec = (gint64) time;
      return TRUE;
    }

  /* Translators: the first %s is what the user wrote, the second is the name of an option. */
  tool_print_error (_("Invalid value “%s” of %s: use a time such as 90, 1.5s, 500ms, 2m or 1h"),
                    text, option);

  return FALSE;
}

gboolean
tool_parse_waiting (ToolWaiting *waiting)
{
  guint64 number = TOOL_RUN_CONFLICT;

  *waiting = (ToolWaiting) { .usec = never_waits ? 0 : -1, .is_quiet = is_quiet };
  if (wait_text != NULL && never_waits)
    {
      tool_print_error ("%s", _("--wait and --nonblock cannot be used together"));
      return FALSE;
    }
  if (conflict_text != NULL &&
      !g_ascii_string_to_unsigned (conflict_text, 10, 0, 255, &number, NULL))
    {
      /* Translators: the first %s is what the user wrote, the second is the name of an option. */
      tool_print_error (_("Invalid value “%s” of %s: use a number from 0 to 255"), conflict_text,
                        "--conflict-exit-code");
      return FALSE;
    }
  waiting->conflict_status = (int) number;

  return wait_text == NULL || tool_parse_time (wait_text, "--wait", &waiting->usec);
}
