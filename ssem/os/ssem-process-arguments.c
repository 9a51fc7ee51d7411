/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-process-arguments-private.h"

#include "ssem-display-private.h"

#include <string.h>

/* Constant once it is set, before there are other threads. */
static GString *registered;

void
ssem_process_arguments_register (char **arguments)
{
  GString *record = g_string_new (NULL);
  int i;

  for (i = 0; arguments[i] != NULL && record->len < SSEM_PROCESS_ARGUMENTS_MAX; i++)
    g_string_append_len (record, arguments[i], (gssize) strlen (arguments[i]) + 1);
  if (record->len > SSEM_PROCESS_ARGUMENTS_MAX)
    g_string_truncate (record, SSEM_PROCESS_ARGUMENTS_MAX);

  if (registered != NULL)
    g_string_free (registered, TRUE);
  registered = record;
}

const char *
ssem_process_arguments_get (gsize *size)
{
  if (registered == NULL)
    return NULL;

  *size = registered->len;

  return registered->str;
}

char **
ssem_process_arguments_parse (const char *record,
                              gsize       size)
{
  g_autoptr(GPtrArray) arguments = g_ptr_array_new ();
  gsize i = 0;

  if (size == 0)
    return NULL;

  while (i < size)
    {
      gsize length = strnlen (record + i, size - i);
      g_autofree char *argument = g_strndup (record + i, length);

      g_ptr_array_add (arguments, ssem_display_text (argument));
      i += length + 1;
    }
  g_ptr_array_add (arguments, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&arguments), FALSE);
}

char *
ssem_process_arguments_get_name (char **arguments)
{
  return g_path_get_basename (arguments[0]);
}

char *
ssem_process_arguments_to_text (char **arguments)
{
  g_autofree char *name = ssem_process_arguments_get_name (arguments);
  g_autofree char *rest = g_strjoinv (" ", arguments + 1);

  return g_strconcat (name, arguments[1] != NULL ? " " : "", rest, NULL);
}
