/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <ssem.h>

#include <glib/gstdio.h>
#include <libintl.h>
#include <locale.h>
#include <string.h>

#define DOMAIN "ssem-1"

/* FALSE where there is no such locale, and the test is skipped. */
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

/* What a message is in the language of the locale; the test fails where it is nothing else. */
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
  g_assert_cmpstr (error->message, ==, translate ("A semaphore needs a key that is not empty"));
}

/* Sentence and reason are translated each by itself, and the key stays as it is. */
static void
test_composed_message (gconstpointer locale)
{
  const char *sentence;
  g_autofree char *beginning = NULL;
  g_autofree char *folder = NULL;
  g_autoptr(GError) error = NULL;

  if (!use_locale (locale))
    return;

  sentence = translate ("Could not open the semaphore “%s”: %s");
  beginning = g_strndup (sentence, strcspn (sentence, "%"));
  folder = g_dir_make_tmp ("ssem-test-XXXXXX", NULL);
  g_assert_nonnull (folder);
  g_setenv ("SSEM_RUNTIME_DIR", folder, TRUE);

  g_assert_null (ssem_system_semaphore_new ("Grüße", 1, SSEM_ACCESS_MODE_OPEN_EXISTING, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, beginning));
  g_assert_nonnull (strstr (error->message, "Grüße"));
  g_assert_nonnull (strstr (error->message, translate ("There is no such semaphore")));

  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* What the library did by itself, before the tests' own catalogues came in its place. */
static void
test_folder (gconstpointer folder)
{
  g_assert_cmpstr (folder, ==, LOCALEDIR);
}

static void
add_test (const char    *name,
          const char    *locale,
          GTestDataFunc  body)
{
  g_autofree char *path = g_strdup_printf ("/ssem/translation/%s/%s", name, locale);

  g_test_add_data_func (path, locale, body);
}

/* The arguments are names of locales, one for each language. */
int
main (int    argc,
      char **argv)
{
  GTypeClass *klass;
  g_autofree char *folder = NULL;
  int status;
  int i;

  /* It would come before the locale. */
  g_unsetenv ("LANGUAGE");
  g_test_init (&argc, &argv, NULL);

  /* The class binds the domain to where the catalogues will be installed; the test wants those that
   * were built. */
  klass = g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
  folder = g_strdup (bindtextdomain (DOMAIN, NULL));
  bindtextdomain (DOMAIN, CATALOGUES);

  g_test_add_data_func ("/ssem/translation/folder", folder, test_folder);
  for (i = 1; i < argc; i++)
    {
      add_test ("whole-message", argv[i], test_whole_message);
      add_test ("composed-message", argv[i], test_composed_message);
    }

  status = g_test_run ();
  g_type_class_unref (klass);

  return status;
}
