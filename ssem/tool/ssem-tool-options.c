/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <stdio.h>
#include <string.h>

/* What ends the parsing of arguments, because the program is to print something else instead. */
typedef enum
{
  ASKED_FOR_HELP,
  ASKED_FOR_VERSION,
} Asked;

SsemBackend tool_backend = SSEM_BACKEND_DEFAULT;

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
  /* Arguments, keys, names of files: all that is in a message may be anybody's choice. */
  shown = ssem_display_text (text);
  g_printerr ("ssem: %s\n", shown);
}

int
tool_fail (const GError *error)
{
  tool_print_error ("%s", error->message);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    return TOOL_BUSY;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return TOOL_USAGE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return TOOL_NOT_SUPPORTED;
  if (error->domain != SSEM_SYSTEM_SEMAPHORE_ERROR)
    return TOOL_FAILED;

  switch (error->code)
    {
    case SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND:
      return TOOL_NOT_FOUND;
    case SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED:
      tool_print_error ("%s", _("If it belongs to another user, run ssem as that user, for example "
                                "with sudo"));
      return TOOL_PERMISSION_DENIED;
    default:
      return TOOL_FAILED;
    }
}

int
tool_fail_to_write (void)
{
  tool_print_error ("%s", _("Could not write the output"));

  return TOOL_FAILED;
}

gboolean
tool_flush (void)
{
  /* GLib writes what it prints at once, and does not keep the reason why it could not. */
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;

  tool_fail_to_write ();

  return FALSE;
}

int
tool_fail_usage (const char *command)
{
  if (command != NULL)
    g_printerr (_("“ssem %s --help” tells more.\n"), command);
  else
    g_printerr ("%s\n", _("“ssem --help” tells more."));

  return TOOL_USAGE;
}

static gboolean
backend_cb (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  g_autoptr(GEnumClass) backends = g_type_class_ref (SSEM_TYPE_BACKEND);
  GEnumValue *found = g_enum_get_value_by_nick (backends, value);

  if (found == NULL || !ssem_backend_is_supported (found->value))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   _("There is no backend “%s” on this system"), value);
      return FALSE;
    }
  tool_backend = found->value;

  return TRUE;
}

static GQuark
asked_quark (void)
{
  return g_quark_from_static_string ("ssem-tool-asked-quark");
}

static gboolean
help_cb (const char  *option,
         const char  *value,
         gpointer     data,
         GError     **error)
{
  g_set_error_literal (error, asked_quark (), ASKED_FOR_HELP, "");

  return FALSE;
}

static gboolean
version_cb (const char  *option,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  g_set_error_literal (error, asked_quark (), ASKED_FOR_VERSION, "");

  return FALSE;
}

static GOptionContext *
new_context (const char   *arguments,
             const char   *summary,
             GOptionEntry *entries)
{
  const GOptionEntry common[] = {
    { "backend", 0, 0, G_OPTION_ARG_CALLBACK, backend_cb,
      N_("The sort of semaphore: shared-memory, sysv or windows"), N_("NAME") },
    { "version", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, version_cb,
      N_("Print the version and end"), NULL },
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

/* GLib takes out the `--` that ends the options, but only where no argument after it begins with a
 * dash. So where it has taken one out, none is left. */
static void
drop_separator (int      *argc,
                char    **argv,
                gboolean  is_strict)
{
  /* With @is_strict, another argument would have ended the options before it. */
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
  /* GLib has its own, which ends the program at once; its help tells of them. */
  const GOptionEntry helps[] = {
    { "help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, help_cb, NULL, NULL },
    { "help-all", '?', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, help_cb, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *command = g_strdup ((*argv)[0]);
  g_autofree char *program = g_strconcat ("ssem ", command, NULL);
  g_autoptr(GOptionContext) context = new_context (arguments, summary, entries);
  g_autoptr(GError) error = NULL;

  /* What the line about the usage begins with. */
  g_set_prgname (program);
  tool_backend = SSEM_BACKEND_DEFAULT;
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, helps, NULL);
  g_option_context_set_strict_posix (context, is_strict);
  if (g_option_context_parse (context, argc, argv, &error))
    {
      drop_separator (argc, *argv, is_strict);
      return TRUE;
    }

  if (g_error_matches (error, asked_quark (), ASKED_FOR_VERSION))
    {
      g_print ("ssem %s\n", PACKAGE_VERSION);
      *status = TOOL_OK;
    }
  else if (g_error_matches (error, asked_quark (), ASKED_FOR_HELP))
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
                  int    min,
                  int    max)
{
  int n = argc - 1;

  if (n >= min && n <= max)
    return TRUE;

  if (n < min)
    tool_print_error ("%s", _("An argument is missing"));
  else
    tool_print_error (_("There is no use for the argument “%s”"), argv[max + 1]);
  tool_fail_usage (argv[0]);

  return FALSE;
}

gboolean
tool_parse_units (const char *text,
                  int         min,
                  int        *units)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, min, G_MAXINT, &number, NULL))
    {
      tool_print_error (_("“%s” is not a number of units from %d to %d"), text, min, G_MAXINT);
      return FALSE;
    }
  *units = (int) number;

  return TRUE;
}

gboolean
tool_parse_seconds (const char *text,
                    gint64     *usec)
{
  const double max = 1e9;
  char *end = NULL;
  double seconds = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= max))
    {
      tool_print_error (_("“%s” is not a number of seconds"), text);
      return FALSE;
    }
  *usec = (gint64) (seconds * G_USEC_PER_SEC);

  return TRUE;
}
