/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Acquires and releases three units. Run it with: market
 *
 * Every process that opens the key "market" shares these three units. The comments give the value
 * while no other process uses the semaphore.
 */

#include <ssem.h>

#include <locale.h>

static gboolean
show (SsemSystemSemaphore  *market,
      const char           *step,
      GError              **error)
{
  int value = ssem_system_semaphore_get_value (market, error);

  if (value < 0)
    return FALSE;

  g_print ("%-10s  units available = %d\n", step, value);

  return TRUE;
}

static gboolean
run (GError **error)
{
  g_autoptr(SsemSystemSemaphore) market = NULL;

  market = ssem_system_semaphore_new ("market", 3, SSEM_ACCESS_MODE_CREATE, error);

  return market != NULL &&
         show (market, "new", error) &&                             /* units available = 3 */
         ssem_system_semaphore_acquire (market, 1, NULL, error) &&
         show (market, "acquire", error) &&                         /* units available = 2 */
         ssem_system_semaphore_acquire (market, 1, NULL, error) &&
         show (market, "acquire", error) &&                         /* units available = 1 */
         ssem_system_semaphore_acquire (market, 1, NULL, error) &&
         show (market, "acquire", error) &&                         /* units available = 0 */
         ssem_system_semaphore_release (market, 1, error) &&
         show (market, "release", error) &&                         /* units available = 1 */
         ssem_system_semaphore_release (market, 2, error) &&
         show (market, "release 2", error);                         /* units available = 3 */
}

int
main (void)
{
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");

  if (!run (&error))
    {
      g_printerr ("market: %s\n", error->message);
      return 1;
    }

  return 0;
}
