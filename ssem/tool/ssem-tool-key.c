/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-tool-private.h"

#include "ssem/os/ssem-display-private.h"

#include <json-glib/json-glib.h>

/* Keys in arguments and in output
 *
 * Output has a key as it is, unless a line, a shell's `read` or a terminal would change it. Then the
 * key is quoted: a string of JSON, in which ssem_display_text () has replaced what cannot be
 * printed. Arguments are keys as they are, too, unless they are what quoting yields. So each line of
 * output is an argument for the key that it came from, and a key with backslashes or quotation marks
 * in it needs no care.
 *
 * A key that looks like a quoted one is quoted itself. What it stands for is shorter than it is, so
 * looking through any number of such layers ends.
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

/* Whether @text is a string of JSON with those escape sequences that quoting makes. Others are not
 * given to json-glib, which leaks memory (1.6) where they are malformed. */
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

/* The key that is quoted as @text; NULL where none is. */
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

  /* There is one way to quote a key; what merely resembles it is a key as it is. */
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
