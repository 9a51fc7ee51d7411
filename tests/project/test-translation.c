/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <ssem.h>

#include <glib/gstdio.h>
#include <libintl.h>
#include <locale.h>
#include <string.h>

#define DOMAIN "ssem-1"

/* The German for one of the library's messages; the test fails where there is none. */
static const char *
german (const char *text)
{
  const char *translated = dgettext (DOMAIN, text);

  g_assert_cmpstr (translated, !=, text);

  return translated;
}

static void
test_whole_message (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (ssem_system_semaphore_new ("", 1, SSEM_ACCESS_MODE_OPEN, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_KEY_ERROR);
  g_assert_cmpstr (error->message, ==, german ("A semaphore needs a key that is not empty"));
}

/* Sentence and reason are translated each by itself, and the key stays as it is. */
static void
test_composed_message (void)
{
  const char *sentence = german ("Could not open the semaphore “%s”: %s");
  g_autofree char *beginning = g_strndup (sentence, strcspn (sentence, "%"));
  g_autofree char *folder = g_dir_make_tmp ("ssem-test-XXXXXX", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_nonnull (folder);
  g_setenv ("SSEM_RUNTIME_DIR", folder, TRUE);

  g_assert_null (ssem_system_semaphore_new ("Grüße", 1, SSEM_ACCESS_MODE_OPEN_EXISTING, &error));
  g_assert_error (error, SSEM_SYSTEM_SEMAPHORE_ERROR, SSEM_SYSTEM_SEMAPHORE_ERROR_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, beginning));
  g_assert_nonnull (strstr (error->message, "Grüße"));
  g_assert_nonnull (strstr (error->message, german ("There is no such semaphore")));

  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  GTypeClass *klass;
  int status;

  g_setenv ("LANGUAGE", "de", TRUE);
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);

  /* The class binds the domain to where the catalogues will be installed; the test wants those that
   * were built. */
  klass = g_type_class_ref (SSEM_TYPE_SYSTEM_SEMAPHORE);
  bindtextdomain (DOMAIN, CATALOGUES);

  g_test_add_func ("/ssem/translation/whole-message", test_whole_message);
  g_test_add_func ("/ssem/translation/composed-message", test_composed_message);

  status = g_test_run ();
  g_type_class_unref (klass);

  return status;
}
