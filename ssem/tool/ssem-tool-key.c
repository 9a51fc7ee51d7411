/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <string.h>

/* Keys in arguments and in output
 *
 * Output shows a key unchanged if a line, the shell's `read` and a terminal preserve it. Other keys
 * are quoted: printed as a JSON string, in which ssem_display_text () has escaped the unsafe
 * characters.
 *
 * An argument is a key, or a quoted key exactly as printed. Therefore each line of output is a
 * valid argument for its key. Backslashes and quotation marks in other arguments have no special
 * meaning.
 *
 * A key that looks like a quoted key is itself quoted. needs_quoting () and unquote () call each
 * other to detect this. The recursion ends because unquoting makes the text shorter.
 */

static char *unquote (const char *text);

static gboolean
needs_quoting (const char *key)
{
  g_autofree char *shown = ssem_display_text (key);
  g_autofree char *stripped = g_strstrip (g_strdup (key));
  g_autofree char *quoted = unquote (key);

  return !g_str_equal (shown, key) || !g_str_equal (stripped, key) || quoted != NULL;
}

char *
tool_quote (const char *text)
{
  g_autoptr(GString) escaped = g_string_new (text);
  g_autofree char *shown = NULL;

  g_string_replace (escaped, "\\", "\\\\", 0);
  g_string_replace (escaped, "\"", "\\\"", 0);
  shown = ssem_display_text (escaped->str);

  return g_strconcat ("\"", shown, "\"", NULL);
}

/* Returns the number of 4 hexadecimal digits at @text, or -1. */
static int
read_code (const char *text)
{
  int code = 0, i;

  for (i = 0; i < 4; i++)
    {
      if (!g_ascii_isxdigit (text[i]))
        return -1;
      code = 16 * code + g_ascii_xdigit_value (text[i]);
    }

  return code;
}

/* Reads the escape sequence after a backslash, and moves *@text past it. Returns 0 if tool_quote ()
 * does not write such a sequence. */
static gunichar
read_escape (const char **text)
{
  static const char letters[] = "\\\"tnr", meanings[] = "\\\"\t\n\r";
  char letter = *(*text)++;
  const char *found = letter != '\0' ? strchr (letters, letter) : NULL;
  int code, low;

  if (found != NULL)
    return meanings[found - letters];
  if (letter != 'u')
    return 0;

  code = read_code (*text);
  if (code < 0)
    return 0;
  *text += 4;
  if (code < 0xd800 || code > 0xdfff)
    return code;

  /* A character above U+FFFF is a pair of surrogates. */
  low = g_str_has_prefix (*text, "\\u") ? read_code (*text + 2) : -1;
  if (code > 0xdbff || low < 0xdc00 || low > 0xdfff)
    return 0;
  *text += 6;

  return 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
}

/* Returns the text that tool_quote () would quote like this, or NULL if it is clear that there is
 * none. */
static char *
decode (const char *quoted)
{
  g_autoptr(GString) text = g_string_new (NULL);

  if (*quoted++ != '"')
    return NULL;

  while (*quoted != '"' && *quoted != '\0')
    {
      gunichar c;

      if (*quoted != '\\')
        {
          g_string_append_c (text, *quoted++);
          continue;
        }
      quoted++;
      c = read_escape (&quoted);
      if (c == 0)
        return NULL;
      g_string_append_unichar (text, c);
    }

  return strcmp (quoted, "\"") == 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* Returns the key that @text quotes, or NULL if @text is not a quoted key. */
static char *
unquote (const char *text)
{
  g_autofree char *key = decode (text);
  g_autofree char *again = key != NULL ? tool_quote (key) : NULL;

  /* tool_quote () has one result for each key. Other JSON strings for the same key are not quoted
   * keys. */
  if (key == NULL || !g_str_equal (again, text) || !needs_quoting (key))
    return NULL;

  return g_steal_pointer (&key);
}

char *
tool_key_to_text (const char *key)
{
  return needs_quoting (key) ? tool_quote (key) : g_strdup (key);
}

char *
tool_key_from_argument (const char *argument)
{
  char *key = unquote (argument);

  return key != NULL ? key : g_strdup (argument);
}
