/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem/os/ssem-native-key-text-private.h"

#include <string.h>

/* The text of native keys, against what Qt reads and writes. Qt 6.6 and later are too new for the
 * systems that run the tests, so each row says where its texts come from:
 *
 *   test   qtbase, tests/auto/corelib/ipc/qnativeipckey/tst_qnativeipckey.cpp, with the name of the
 *          row there
 *   manual https://doc.qt.io/qt-6/qnativeipckey.html, "String representation of native keys"
 *   issue  the examples of the issue that asked for native keys
 *   ours   no source: what Qt accepts in another way, or cannot write
 */

typedef struct
{
  const char *text;
  SsemBackend backend;
  int project;
  const char *name;
  const char *written; /* NULL: the same as the text */
} Valid;

static const Valid valid[] = {
  /* test: text, pathlike, objectlike, colon-slash, slash-colon. Each with all types. */
  { "systemv:foobar", SSEM_BACKEND_SYSV, 81, "foobar" },
  { "posix:foobar", SSEM_BACKEND_POSIX, 0, "foobar" },
  { "windows:foobar", SSEM_BACKEND_WINDOWS, 0, "foobar" },
  { "systemv-1:foobar", SSEM_BACKEND_SYSV, 1, "foobar" },
  { "systemv-84:foobar", SSEM_BACKEND_SYSV, 84, "foobar" },
  { "systemv-255:foobar", SSEM_BACKEND_SYSV, 255, "foobar" },
  { "posix:/sometext", SSEM_BACKEND_POSIX, 0, "/sometext" },
  { "windows:Global\\sometext", SSEM_BACKEND_WINDOWS, 0, "Global\\sometext" },
  { "posix::/", SSEM_BACKEND_POSIX, 0, ":/" },
  { "posix:/:", SSEM_BACKEND_POSIX, 0, "/:" },
  /* test: percent, question-hash, hash-question. */
  { "posix:%25", SSEM_BACKEND_POSIX, 0, "%" },
  { "posix:%3F%23", SSEM_BACKEND_POSIX, 0, "?#" },
  { "posix:%23%3F", SSEM_BACKEND_POSIX, 0, "#?" },
  /* test: double-slash, triple-slash. */
  { "posix:/%2F", SSEM_BACKEND_POSIX, 0, "//" },
  { "posix:/%2F/", SSEM_BACKEND_POSIX, 0, "///" },
  /* test: non-ascii, non-utf8 (which is Latin-1 there), non-latin1. */
  { "posix:\303\251", SSEM_BACKEND_POSIX, 0, "\303\251" },
  { "posix:\302\240\303\277", SSEM_BACKEND_POSIX, 0, "\302\240\303\277" },
  { "posix:\304\200.\342\200\200.\360\220\200\200", SSEM_BACKEND_POSIX, 0,
    "\304\200.\342\200\200.\360\220\200\200" },
  /* test: systemv-alias and systemv-zeropadded, which have no name there. */
  { "systemv-81:/x", SSEM_BACKEND_SYSV, 81, "/x", "systemv:/x" },
  { "systemv-009:/x", SSEM_BACKEND_SYSV, 9, "/x", "systemv-9:/x" },
  /* test: percent-encoded, percent-utf8. */
  { "posix:%2f%66o%6f", SSEM_BACKEND_POSIX, 0, "/foo", "posix:/foo" },
  { "posix:%C4%80.%E2%80%80.%F0%90%80%80", SSEM_BACKEND_POSIX, 0,
    "\304\200.\342\200\200.\360\220\200\200", "posix:\304\200.\342\200\200.\360\220\200\200" },
  /* test: with-fragment, with-fragmentquery. */
  { "posix:/foo#bar", SSEM_BACKEND_POSIX, 0, "/foo", "posix:/foo" },
  { "posix:/foo#bar?baz", SSEM_BACKEND_POSIX, 0, "/foo", "posix:/foo" },
  /* test: legacyKeys, where Qt writes the string that the program used behind the name. */
  { "posix:/qipc_systemsem_foobar8843d7f92416211de9ebb963ff4ce28125932878?legacyKey=foobar",
    SSEM_BACKEND_POSIX, 0, "/qipc_systemsem_foobar8843d7f92416211de9ebb963ff4ce28125932878",
    "posix:/qipc_systemsem_foobar8843d7f92416211de9ebb963ff4ce28125932878" },
  { "posix:/x?legacyKey=%3F%23", SSEM_BACKEND_POSIX, 0, "/x", "posix:/x" },
  { "posix:/x?", SSEM_BACKEND_POSIX, 0, "/x", "posix:/x" },
  /* manual: the text is a URL for QUrl, which ignores case in the type and an empty host. */
  { "SystemV:/x", SSEM_BACKEND_SYSV, 81, "/x", "systemv:/x" },
  { "systemv:///x", SSEM_BACKEND_SYSV, 81, "/x", "systemv:/x" },
  /* issue */
  { "posix:%2Fmarket", SSEM_BACKEND_POSIX, 0, "/market", "posix:/market" },
  { "systemv:%2Frun%2Fuser%2F1000%2Fmarket", SSEM_BACKEND_SYSV, 81, "/run/user/1000/market",
    "systemv:/run/user/1000/market" },
  { "windows:sem_market", SSEM_BACKEND_WINDOWS, 0, "sem_market" },
  /* ours: control characters are encoded, so that a line can hold the text. */
  { "posix:/a b\"<>^`{|}[]@!$&'()*+,;=~", SSEM_BACKEND_POSIX, 0, "/a b\"<>^`{|}[]@!$&'()*+,;=~" },
  { "posix:/%0A%09%1F%7F", SSEM_BACKEND_POSIX, 0, "/\n\t\037\177" },
};

typedef struct
{
  const char *text;
  SsemNativeKeyFault fault;
  const char *part;
} Invalid;

static const Invalid invalid[] = {
  /* test: with-query, with-queryfragment. */
  { "posix:/foo?bar", SSEM_NATIVE_KEY_UNKNOWN_FIELD, "bar" },
  { "posix:/foo?bar#baz", SSEM_NATIVE_KEY_UNKNOWN_FIELD, "bar" },
  { "posix:/foo?legacyKey=a&bar=b", SSEM_NATIVE_KEY_UNKNOWN_FIELD, "bar" },
  { "posix:/foo?legacykey=a", SSEM_NATIVE_KEY_UNKNOWN_FIELD, "legacykey" },
  /* test: positive-number to systemv-overflow-32bit. */
  { "81", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "81" },
  { "-81", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "-81" },
  { "invalidprefix:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "invalidprefix" },
  { "systemv255", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv255" },
  { "systemv255:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv255" },
  { "systemv--255:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv--255" },
  { "systemv+255:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv+255" },
  { "systemv-0x01:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-0x01" },
  { "systemv-0:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-0" },
  { "systemv-256:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-256" },
  { "systemv-32769:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-32769" },
  { "systemv-65537:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-65537" },
  { "systemv-2147483649:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-2147483649" },
  { "systemv-4294967297:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-4294967297" },
  { "systemv-18446744073709551617:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-18446744073709551617" },
  /* test: -nocolon, -junk, junk-...-colon. */
  { "systemv", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv" },
  { "posix", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "posix" },
  { "windows", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "windows" },
  { "systemv-1", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-1" },
  { "posixjunk:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "posixjunk" },
  { "posix-1:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "posix-1" },
  { "systemv-:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-" },
  { "systemv-1junk:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "systemv-1junk" },
  { "junk:posix:", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "junk" },
  { "", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "" },
  { ":", SSEM_NATIVE_KEY_UNKNOWN_TYPE, "" },
  { " posix:/x", SSEM_NATIVE_KEY_UNKNOWN_TYPE, " posix" },
  /* test: empty. Qt has such an object, and cannot open it. */
  { "posix:", SSEM_NATIVE_KEY_EMPTY, NULL },
  { "systemv-5:?legacyKey=a", SSEM_NATIVE_KEY_EMPTY, NULL },
  { "windows:#a", SSEM_NATIVE_KEY_EMPTY, NULL },
  { "posix://", SSEM_NATIVE_KEY_EMPTY, NULL },
  /* manual: what QUrl finds besides the path makes the text invalid. */
  { "posix://host/x", SSEM_NATIVE_KEY_HAS_HOST, "host" },
  { "posix://host", SSEM_NATIVE_KEY_HAS_HOST, "host" },
  { "posix://me@host:1/x", SSEM_NATIVE_KEY_HAS_HOST, "me@host:1" },
  /* ours: QUrl guesses what a wrong percent sign means, and the library does not. */
  { "posix:/%", SSEM_NATIVE_KEY_BAD_ESCAPE, "%" },
  { "posix:/%4", SSEM_NATIVE_KEY_BAD_ESCAPE, "%4" },
  { "posix:/%zz", SSEM_NATIVE_KEY_BAD_ESCAPE, "%z" },
  { "posix:/%4\303\251x", SSEM_NATIVE_KEY_BAD_ESCAPE, "%4\303\251" },
  { "posix:/%25%\303\251x", SSEM_NATIVE_KEY_BAD_ESCAPE, "%\303\251" },
  /* ours: no key of the library has such text. */
  { "posix:/%00", SSEM_NATIVE_KEY_NOT_TEXT, NULL },
  { "posix:/%FF", SSEM_NATIVE_KEY_NOT_TEXT, NULL },
  { "posix:/%C3x", SSEM_NATIVE_KEY_NOT_TEXT, NULL },
  { "posix:/%ED%A0%80", SSEM_NATIVE_KEY_NOT_TEXT, NULL },
  { "posix:/\377", SSEM_NATIVE_KEY_NOT_TEXT, NULL },
};

static void
check_valid (const Valid *row)
{
  g_auto(SsemNativeKey) key = { .name = NULL };
  g_autofree char *part = NULL;
  g_autofree char *written = NULL;

  g_assert_cmpint (ssem_native_key_parse (row->text, &key, &part), ==, SSEM_NATIVE_KEY_VALID);
  g_assert_cmpint (key.backend, ==, row->backend);
  g_assert_cmpint (key.project, ==, row->project);
  g_assert_cmpstr (key.name, ==, row->name);
  g_assert_null (part);

  written = ssem_native_key_format (key.backend, key.project, key.name);
  g_assert_cmpstr (written, ==, row->written != NULL ? row->written : row->text);
}

static void
test_valid (void)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_test_message ("%s", valid[i].text);
      check_valid (&valid[i]);
    }
}

static void
test_invalid (void)
{
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_auto(SsemNativeKey) key = { .name = NULL };
      g_autofree char *part = NULL;
      g_autofree char *shown = g_strescape (invalid[i].text, NULL);

      g_test_message ("%s", shown);
      g_assert_cmpint (ssem_native_key_parse (invalid[i].text, &key, &part), ==, invalid[i].fault);
      g_assert_cmpstr (part, ==, invalid[i].part);
      g_assert_null (key.name);
    }
}

/* The longest text, and one byte more. */
static void
test_length (void)
{
  int more;

  for (more = 0; more <= 1; more++)
    {
      gsize length = SSEM_NATIVE_KEY_MAX_BYTES + more - strlen ("posix:/");
      g_autofree char *name = g_strnfill (length, 'x');
      g_autofree char *text = g_strconcat ("posix:/", name, NULL);
      g_auto(SsemNativeKey) key = { .name = NULL };
      g_autofree char *part = NULL;

      g_assert_cmpint (ssem_native_key_parse (text, &key, &part), ==,
                       more == 0 ? SSEM_NATIVE_KEY_VALID : SSEM_NATIVE_KEY_NOT_TEXT);
    }
}

/* Returns a random name, of characters that a careless parser would treat alike. */
static char *
make_name (void)
{
  static const char letters[] = "//%%?#&=:\\ a2F\n\177\"+";
  GString *name = g_string_new (NULL);
  int n_letters = g_test_rand_int_range (1, 12);
  int i;

  for (i = 0; i < n_letters; i++)
    {
      if (g_test_rand_int_range (0, 8) == 0)
        g_string_append_unichar (name, (gunichar) g_test_rand_int_range (0xa0, 0xd800));
      else
        g_string_append_c (name, letters[g_test_rand_int_range (0, sizeof letters - 1)]);
    }

  return g_string_free (name, FALSE);
}

/* Encodes more characters than is needed, which changes nothing. */
static char *
encode_at_random (const char *text)
{
  const char *rest = strchr (text, ':') + 1;
  GString *encoded = g_string_new_len (text, rest - text);

  while (*rest != '\0')
    {
      /* An escape stays as it is. */
      const char *end = *rest == '%' ? rest + 3 : g_utf8_next_char (rest);
      gboolean is_literal = *rest == '%' || g_test_rand_bit ();

      for (; rest < end; rest++)
        {
          if (is_literal)
            g_string_append_c (encoded, *rest);
          else
            g_string_append_printf (encoded, g_test_rand_bit () ? "%%%02X" : "%%%02x",
                                    (guint8) *rest);
        }
    }

  return g_string_free (encoded, FALSE);
}

/* Whatever is written is read as the same, and is a line of UTF-8. */
static void
test_round_trip (void)
{
  static const SsemBackend backends[] = {
    SSEM_BACKEND_SYSV, SSEM_BACKEND_POSIX, SSEM_BACKEND_WINDOWS,
  };
  int i;

  for (i = 0; i < 20000; i++)
    {
      SsemBackend backend = backends[i % (int) G_N_ELEMENTS (backends)];
      int project = backend == SSEM_BACKEND_SYSV ? g_test_rand_int_range (1, 256) : 0;
      g_autofree char *name = make_name ();
      g_autofree char *text = ssem_native_key_format (backend, project, name);
      g_autofree char *encoded = encode_at_random (text);
      const char *texts[] = { text, encoded };
      gsize j;

      g_assert_true (g_utf8_validate (text, -1, NULL));
      g_assert_null (strpbrk (text, "\n?#"));
      for (j = 0; j < G_N_ELEMENTS (texts); j++)
        {
          g_auto(SsemNativeKey) key = { .name = NULL };
          g_autofree char *part = NULL;

          g_assert_cmpint (ssem_native_key_parse (texts[j], &key, &part), ==,
                           SSEM_NATIVE_KEY_VALID);
          g_assert_cmpint (key.backend, ==, backend);
          g_assert_cmpint (key.project, ==, project);
          g_assert_cmpstr (key.name, ==, name);
        }
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ssem/native-key-text/valid", test_valid);
  g_test_add_func ("/ssem/native-key-text/invalid", test_invalid);
  g_test_add_func ("/ssem/native-key-text/length", test_length);
  g_test_add_func ("/ssem/native-key-text/round-trip", test_round_trip);

  return g_test_run ();
}
