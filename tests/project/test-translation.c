/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <ssem.h>

#include <glib/gstdio.h>
#include <libintl.h>
#include <locale.h>
#include <string.h>

#define DOMAIN "ssem-1"

/* Returns FALSE, and skips the test, where there is no such locale. */
static gboolean
use_locale (gconstpointer name)
{
  g_autofree char *reason = NULL;

  if (setlocale (LC_ALL, name) != NULL)
    return TRUE;

  reason = g_strdup_printf ("localedef made no %s: see %s.txt", (const char *) name,
                            g_getenv ("LOCPATH"));
  g_test_skip (reason);

  return FALSE;
}

/* Returns the message in the language of the locale; the test fails if it is not translated. */
static const char *
translate (const char *text)
{
  const char *translated = dgettext (DOMAIN, text);

  g_assert_cmpstr (translated, !=, text);

  return translated;
}

static void
test_whole_message (gconstpointer locale)
{
  g_autoptr(GError) error = NULL;

  if (!use_locale (locale))
    return;

  g_assert_null (ssem_system_semaphore_new ("", 1, SSEM_ACCESS_MODE_OPEN, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpstr (error->message, ==, translate ("The key of a semaphore cannot be empty"));
}

/* Sentence and reason are translated separately, and the key stays as it is. */
static void
test_composed_message (gconstpointer locale)
{
  const char *sentence;
  g_autofree char *beginning = NULL;
  g_autofree char *directory = NULL;
  g_autoptr(GError) error = NULL;

  if (!use_locale (locale))
    return;

  sentence = translate ("Could not open the semaphore “%s”: %s");
  beginning = g_strndup (sentence, strcspn (sentence, "%"));
  directory = g_dir_make_tmp ("ssem-test-XXXXXX", NULL);
  g_assert_nonnull (directory);
  g_setenv ("SSEM_RUNTIME_DIR", directory, TRUE);

  g_assert_null (ssem_system_semaphore_new ("Grüße", 1, SSEM_ACCESS_MODE_OPEN_EXISTING, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, beginning));
  g_assert_nonnull (strstr (error->message, "Grüße"));
  g_assert_nonnull (strstr (error->message, translate ("The semaphore does not exist")));

  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* Polish has three forms, and the last digits choose one of the latter two. */
static void
test_plurals (gconstpointer locale)
{
  static const struct
  {
    gulong n;
    const char *text;
  } forms[] = {
    { 0, "%d procesów" },
    { 1, "%d proces" },
    { 2, "%d procesy" },
    { 5, "%d procesów" },
    { 12, "%d procesów" },
    { 22, "%d procesy" },
    { 101, "%d procesów" },
    { 112, "%d procesów" },
    { 1003, "%d procesy" },
  };
  gsize i;

  if (!use_locale (locale))
    return;

  for (i = 0; i < G_N_ELEMENTS (forms); i++)
    g_assert_cmpstr (dngettext (DOMAIN, "%d process", "%d processes", forms[i].n), ==,
                     forms[i].text);
}

/* Checks what the library did by itself, before the catalogues of the test replaced it. */
static void
test_directory (gconstpointer directory)
{
  g_assert_cmpstr (directory, ==, LOCALEDIR);
}

static void
add_test (const char    *name,
          const char    *locale,
          GTestDataFunc  body)
{
  g_autofree char *path = g_strdup_printf ("/ssem/translation/%s/%s", name, locale);

  g_test_add_data_func (path, locale, body);
}

/* The arguments name a locale for each language. */
int
main (int    argc,
      char **argv)
{
  GTypeClass *klass;
  g_autofree char *directory = NULL;
  int status;
  int i;

  /* The variable would take precedence over the locale. */
  g_unsetenv ("LANGUAGE");
  g_test_init (&argc, &argv, NULL);

  /* The class binds the domain to the directory of installed catalogues; the test uses the
   * catalogues of this build. */
  klass = g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
  directory = g_strdup (bindtextdomain (DOMAIN, NULL));
  bindtextdomain (DOMAIN, CATALOGUES);

  g_test_add_data_func ("/ssem/translation/directory", directory, test_directory);
  for (i = 1; i < argc; i++)
    {
      add_test ("whole-message", argv[i], test_whole_message);
      add_test ("composed-message", argv[i], test_composed_message);
      if (g_str_has_prefix (argv[i], "pl_"))
        add_test ("plurals", argv[i], test_plurals);
    }

  status = g_test_run ();
  g_type_class_unref (klass);

  return status;
}
