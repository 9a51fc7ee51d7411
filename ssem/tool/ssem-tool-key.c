/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <json-glib/json-glib.h>

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

static char *
quote (const char *key)
{
  g_autoptr(GString) escaped = g_string_new (key);
  g_autofree char *shown = NULL;

  g_string_replace (escaped, "\\", "\\\\", 0);
  g_string_replace (escaped, "\"", "\\\"", 0);
  shown = ssem_display_text (escaped->str);

  return g_strconcat ("\"", shown, "\"", NULL);
}

/* Returns whether @text is a JSON string that contains only the escape sequences of quote ().
 * json-glib does not get other strings: its version 1.6 leaks memory on malformed escape
 * sequences. */
static gboolean
looks_quoted (const char *text)
{
  static const char pattern[] =
    "^\"(?:[^\"\\\\]"
    "|\\\\[\\\\\"tnr]"
    "|\\\\u(?!d[89a-f])[0-9a-f]{4}"
    "|\\\\ud[89ab][0-9a-f]{2}\\\\ud[c-f][0-9a-f]{2})*\"$";

  return g_utf8_validate (text, -1, NULL) && g_regex_match_simple (pattern, text, 0, 0);
}

/* Returns the key that @text quotes, or NULL if @text is not a quoted key. */
static char *
unquote (const char *text)
{
  g_autoptr(JsonNode) node = NULL;
  g_autofree char *again = NULL;
  const char *key;

  if (!looks_quoted (text))
    return NULL;
  node = json_from_string (text, NULL);
  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;

  /* quote () has one result for each key. Other JSON strings for the same key are not quoted
   * keys. */
  key = json_node_get_string (node);
  again = quote (key);
  if (!g_str_equal (again, text) || !needs_quoting (key))
    return NULL;

  return g_strdup (key);
}

char *
tool_key_to_text (const char *key)
{
  return needs_quoting (key) ? quote (key) : g_strdup (key);
}

char *
tool_key_from_argument (const char *argument)
{
  char *key = unquote (argument);

  return key != NULL ? key : g_strdup (argument);
}
