/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

/* A program that uses POSIX semaphores and knows nothing of this library. It answers each line of
 * JSON, as semaphores.py writes it: ["create", "/name", 3], ["open", "/name"], ["wait"], ["try"],
 * ["post"], ["value"], ["close"] or ["remove", "/name"]. */

static sem_t *semaphore = SEM_FAILED;

static int
run (const char *command,
     const char *name,
     int         value)
{
  if (strcmp (command, "create") == 0)
    return (semaphore = sem_open (name, O_CREAT | O_EXCL, 0600, value)) == SEM_FAILED ? -1 : 0;
  if (strcmp (command, "open") == 0)
    return (semaphore = sem_open (name, 0)) == SEM_FAILED ? -1 : 0;
  if (strcmp (command, "wait") == 0)
    return sem_wait (semaphore);
  if (strcmp (command, "try") == 0)
    return sem_trywait (semaphore) == 0;
  if (strcmp (command, "post") == 0)
    return sem_post (semaphore);
  if (strcmp (command, "value") == 0)
    return sem_getvalue (semaphore, &value) == 0 ? value : -1;
  if (strcmp (command, "close") == 0)
    return sem_close (semaphore);
  if (strcmp (command, "remove") == 0)
    return sem_unlink (name);

  return -1;
}

int
main (void)
{
  char line[512];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      char command[16] = "", name[256] = "";
      int value = 0, result;

      sscanf (line, "[\"%15[a-z]\", \"%255[^\"]\", %d", command, name, &value);
      errno = 0;
      result = run (command, name, value);
      if (result < 0)
        printf ("{\"refused\": [\"errno\", %d, \"%s\"]}\n", errno, strerror (errno));
      else
        printf ("{\"done\": %d}\n", result);
      fflush (stdout);
    }

  return 0;
}
