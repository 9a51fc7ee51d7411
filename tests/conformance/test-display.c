/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/os/ssem-display-private.h"

/* What makes text safe to print is tested as such, on the library's own object. */

static void
assert_shown (const char *text,
              const char *expected)
{
  g_autofree char *shown = ssem_display_text (text);
  g_autofree char *again = ssem_display_text (shown);

  g_assert_cmpstr (shown, ==, expected);
  /* A message that has one part shown already is shown as a whole. */
  g_assert_cmpstr (again, ==, expected);
}

static void
test_harmless (void)
{
  const char *texts[] = {
    "", "convert", "a b", "a\\nb", "\"a\"", "Grüße", "日本語", "क्षि", "e\xcc\x81", "€ ½ ☃ 🙂",
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (texts); i++)
    assert_shown (texts[i], texts[i]);
}

static void
test_escapes (void)
{
  assert_shown ("a\tb\nc\rd", "a\\tb\\nc\\rd");
  assert_shown ("\033[2J", "\\u001b[2J");
  assert_shown ("\x7f", "\\u007f");
  assert_shown ("\xc2\x9b" "2J", "\\u009b2J");             /* the other way to write ESC [ */
  assert_shown ("\xc2\xad", "\\u00ad");                    /* soft hyphen */
  assert_shown ("\xe2\x80\xae" "gnp.exe", "\\u202egnp.exe");
  assert_shown ("\xf3\xa0\x81\x81", "\\udb40\\udc41");     /* a tag */
}

static void
test_not_utf8 (void)
{
  assert_shown ("a\xff" "b", "a\xef\xbf\xbd" "b");
  assert_shown ("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* half a pair */
  assert_shown ("\xc3", "\xef\xbf\xbd");
  assert_shown ("\xff\x1b", "\xef\xbf\xbd\\u001b");
}

/* Characters that have no look of their own, by the names that Unicode has for them. */
static void
test_each_kind (void)
{
  const gunichar ranges[][2] = {
    { 0x0001, 0x001F }, { 0x007F, 0x009F },     /* controls */
    { 0x061C, 0x061C }, { 0x200E, 0x200F },     /* marks of direction */
    { 0x202A, 0x202E }, { 0x2066, 0x2069 },     /* embeddings, overrides, isolates */
    { 0x200B, 0x200D }, { 0x2060, 0x2064 },     /* zero width, invisible operators */
    { 0x206A, 0x206F }, { 0xFEFF, 0xFEFF },     /* deprecated formats, byte order mark */
    { 0x2028, 0x2029 },                         /* line and paragraph separator */
    { 0x115F, 0x1160 }, { 0x3164, 0x3164 },     /* letters that are not drawn */
    { 0xFE00, 0xFE0F }, { 0xE0100, 0xE01EF },   /* variation selectors */
    { 0xE0001, 0xE0001 }, { 0xE0020, 0xE007F }, /* tags */
    { 0xFFF9, 0xFFFB }, { 0xFFFE, 0xFFFF },     /* annotations, and what is no character */
  };
  gsize i;
  gunichar c;

  for (i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      for (c = ranges[i][0]; c <= ranges[i][1]; c++)
        {
          char text[7] = "";
          g_autofree char *shown = NULL;

          g_unichar_to_utf8 (c, text);
          shown = ssem_display_text (text);
          g_assert_true (*shown == '\\' && g_str_is_ascii (shown));
        }
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/display/harmless", test_harmless);
  g_test_add_func ("/ssem/display/escapes", test_escapes);
  g_test_add_func ("/ssem/display/not-utf8", test_not_utf8);
  g_test_add_func ("/ssem/display/each-kind", test_each_kind);

  return g_test_run ();
}
