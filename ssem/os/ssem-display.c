/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-display-private.h"

/* Letters and marks that a terminal does not draw: Unicode's Default_Ignorable_Code_Point, without
 * formats and unassigned characters. GLib has no function for this property. */
static const struct
{
  gunichar first;
  gunichar last;
} invisible[] = {
  { 0x034F, 0x034F },   /* combining grapheme joiner */
  { 0x115F, 0x1160 },   /* Hangul fillers */
  { 0x17B4, 0x17B5 },   /* Khmer inherent vowels */
  { 0x180B, 0x180F },   /* Mongolian variation selectors */
  { 0x3164, 0x3164 },   /* Hangul filler */
  { 0xFE00, 0xFE0F },   /* variation selectors */
  { 0xFFA0, 0xFFA0 },   /* half-width Hangul filler */
  { 0xE0100, 0xE01EF }, /* further variation selectors */
};

static gboolean
is_invisible (gunichar c)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (invisible); i++)
    {
      if (c >= invisible[i].first && c <= invisible[i].last)
        return TRUE;
    }

  return FALSE;
}

static gboolean
is_harmless (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:             /* ESC, DEL and the controls of 8-bit terminals */
    case G_UNICODE_FORMAT:              /* direction, zero width, soft hyphen, tags */
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:          /* may be any of these in a later version */
      return FALSE;
    default:
      return !is_invisible (c);
    }
}

static void
append_escaped (GString  *shown,
                gunichar  c)
{
  switch (c)
    {
    case '\t':
      g_string_append (shown, "\\t");
      break;
    case '\n':
      g_string_append (shown, "\\n");
      break;
    case '\r':
      g_string_append (shown, "\\r");
      break;
    default:
      /* JSON writes characters past U+FFFF as two surrogates of UTF-16. */
      if (c > 0xFFFF)
        g_string_append_printf (shown, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                                0xDC00 + ((c - 0x10000) & 0x3FF));
      else
        g_string_append_printf (shown, "\\u%04x", c);
      break;
    }
}

/* Returns whether no character has to be looked up, as in nearly every text. */
static gboolean
is_printable_ascii (const char *text)
{
  while (g_ascii_isprint (*text))
    text++;

  return *text == '\0';
}

char *
ssem_display_text (const char *text)
{
  g_autofree char *valid = NULL;
  GString *shown;
  const char *p;

  if (is_printable_ascii (text))
    return g_strdup (text);

  valid = g_utf8_make_valid (text, -1);
  shown = g_string_new (NULL);
  for (p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (is_harmless (c))
        g_string_append_unichar (shown, c);
      else
        append_escaped (shown, c);
    }

  return g_string_free (shown, FALSE);
}
