/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The words of a script: numbers, keys, and the answers that a step expects. */

#include "script-private.h"

#include <stdio.h>
#include <string.h>

#define LARGEST_LARGE 1000000

void
script_fail (Script     *self,
             const char *format,
             ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("%s, step \"%s\" of round %d: %s", g_test_get_path (), self->step, self->round, text);
}

/* --- Words --- */

/* Returns FALSE, where @text is no number and no name of one. */
static gboolean
parse_atom (Script      *self,
            const char **text,
            gint64      *value)
{
  const struct
  {
    const char *name;
    int value;
  } names[] = {
    { "MAX", fixture_maximum (self->fixture) },
    { "MANY", fixture_many (self->fixture) },
    { "LARGE", MIN (fixture_maximum (self->fixture), LARGEST_LARGE) },
    { "ROUND", self->round },
  };
  char *end;
  guint i;

  *value = g_ascii_strtoll (*text, &end, 10);
  for (i = 0; i < G_N_ELEMENTS (names) && end == *text; i++)
    {
      if (g_str_has_prefix (*text, names[i].name))
        {
          *value = names[i].value;
          end += strlen (names[i].name);
        }
    }
  if (end == *text)
    return FALSE;

  if (*end == '/')
    *value /= g_ascii_strtoll (end + 1, &end, 10);
  else if (*end == '*')
    *value *= g_ascii_strtoll (end + 1, &end, 10);
  *text = end;

  return TRUE;
}

/* Returns FALSE, where @text is no sum of numbers. */
static gboolean
parse_sum (Script     *self,
           const char *text,
           gint64     *sum)
{
  gint64 value;
  int sign;

  if (!parse_atom (self, &text, sum))
    return FALSE;
  while (*text == '+' || *text == '-')
    {
      sign = *text++ == '-' ? -1 : 1;
      if (!parse_atom (self, &text, &value))
        return FALSE;
      *sum += sign * value;
    }

  return *text == '\0';
}

int
script_get_number (Script     *self,
                   const char *text)
{
  gint64 value;

  if (text == NULL || !parse_sum (self, text, &value))
    script_fail (self, "\"%s\" is no number", text);

  return (int) value;
}

char *
script_make_key (Script   *self,
                 gboolean  is_other)
{
  return g_strconcat (self->fixture->key, is_other ? " other" : "", NULL);
}

/* Returns an argument as the helper is to read it. */
char *
script_expand (Script     *self,
               const char *word)
{
  gboolean is_other = g_str_equal (word, "OTHER");
  gint64 value;

  if (g_str_has_prefix (word, "TEMP"))
    return g_strconcat (self->fixture->directory, word + strlen ("TEMP"), NULL);
  if (is_other || g_str_equal (word, "KEY"))
    {
      g_autofree char *key = script_make_key (self, is_other);

      return g_strescape (key, NULL);
    }
  if (g_str_equal (word, "KEYS"))
    return g_strdup (self->fixture->keys_directory);
  /* With a name in it; plain numbers may have a form of their own. */
  if (strpbrk (word, "MLR") != NULL && parse_sum (self, word, &value))
    return g_strdup_printf ("%" G_GINT64_FORMAT, value);

  return g_strdup (word);
}

/* --- Answers --- */

static const struct
{
  const char *name;
  gboolean is_of_gio;
  int code;
} errors[] = {
  { "PERMISSION_DENIED", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_PERMISSION_DENIED },
  { "KEY_ERROR", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR },
  { "ALREADY_EXISTS", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_ALREADY_EXISTS },
  { "NOT_FOUND", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND },
  { "OUT_OF_RESOURCES", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_OUT_OF_RESOURCES },
  { "UNKNOWN_ERROR", FALSE, SSEM_SYSTEM_SEMAPHORE_ERROR_UNKNOWN_ERROR },
  { "BUSY", TRUE, G_IO_ERROR_BUSY },
  { "CANCELLED", TRUE, G_IO_ERROR_CANCELLED },
  { "INVALID_ARGUMENT", TRUE, G_IO_ERROR_INVALID_ARGUMENT },
  { "TIMED_OUT", TRUE, G_IO_ERROR_TIMED_OUT },
  { "WOULD_BLOCK", TRUE, G_IO_ERROR_WOULD_BLOCK },
};

/* Returns the answer that test-helper gives, or for an error its beginning. */
static char *
describe_answer (Script     *self,
                 const char *expected)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      GQuark domain = errors[i].is_of_gio ? G_IO_ERROR : SSEM_SYSTEM_SEMAPHORE_ERROR;

      if (g_str_equal (errors[i].name, expected))
        return g_strdup_printf ("error %s %d ", g_quark_to_string (domain), errors[i].code);
    }
  if (g_str_equal (expected, "ok"))
    return g_strdup ("ok");

  return g_strdup_printf ("ok %d", script_get_number (self, expected));
}

/* For a range, `FROM..TO`. */
static void
expect_between (Script     *self,
                const char *expected,
                const char *answer)
{
  g_auto(GStrv) ends = g_strsplit (expected, "..", 2);
  int found;

  if (sscanf (answer, "ok %d", &found) != 1 || found < script_get_number (self, ends[0]) ||
      found > script_get_number (self, ends[1]))
    script_fail (self, "expected a number of %s, the answer is \"%s\"", expected, answer);
}

void
script_expect (Script     *self,
               const char *expected,
               const char *answer)
{
  g_autofree char *line = NULL;
  gboolean is_right;

  if (expected != NULL && strstr (expected, "..") != NULL)
    {
      expect_between (self, expected, answer);
      return;
    }

  if (expected == NULL)
    expected = "ok";
  else if (g_str_equal (expected, "noticed"))
    expected = fixture_supports (self->fixture, NEEDS_ASKING) ? "NOT_FOUND" : "ok";

  if (g_str_equal (expected, "any"))
    line = g_strdup ("ok ");
  else
    line = describe_answer (self, expected);
  /* Only an error, or any result, goes on after what is expected. */
  is_right = g_str_has_suffix (line, " ")
             ? g_str_has_prefix (answer, line) && strlen (answer) > strlen (line)
             : g_str_equal (answer, line);
  if (!is_right)
    script_fail (self, "expected %s (%s), the answer is \"%s\"", expected, line, answer);
  /* An error says which semaphore it is about, unless an argument is wrong. */
  if (g_str_has_prefix (line, "error ") && !g_str_equal (expected, "INVALID_ARGUMENT") &&
      strstr (answer, self->fixture->key) == NULL)
    script_fail (self, "the message does not name the key: \"%s\"", answer);
}
