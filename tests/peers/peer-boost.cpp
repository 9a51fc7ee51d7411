/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <boost/interprocess/sync/named_semaphore.hpp>

#include <cstdio>
#include <cstring>
#include <memory>

/* Boost's named semaphore, which is a POSIX semaphore where the system has them. It takes the same
 * lines as peer-sem-open.c. It cannot read the value. */

#ifndef BOOST_INTERPROCESS_NAMED_SEMAPHORE_USES_POSIX_SEMAPHORES
#error "This Boost does not use POSIX semaphores."
#endif

using namespace boost::interprocess;

static std::unique_ptr<named_semaphore> semaphore;

static int
run (const char *command,
     const char *name,
     int         value)
{
  if (std::strcmp (command, "create") == 0)
    semaphore.reset (new named_semaphore (create_only, name, (unsigned) value));
  else if (std::strcmp (command, "open") == 0)
    semaphore.reset (new named_semaphore (open_only, name));
  else if (std::strcmp (command, "wait") == 0)
    semaphore->wait ();
  else if (std::strcmp (command, "try") == 0)
    return semaphore->try_wait ();
  else if (std::strcmp (command, "post") == 0)
    semaphore->post ();
  else if (std::strcmp (command, "close") == 0)
    semaphore.reset ();
  else if (std::strcmp (command, "remove") == 0)
    return named_semaphore::remove (name) ? 0 : -1;

  return 0;
}

int
main ()
{
  char line[512];

  while (std::fgets (line, sizeof line, stdin) != nullptr)
    {
      char command[16] = "", name[256] = "";
      int value = 0;

      std::sscanf (line, "[\"%15[a-z]\", \"%255[^\"]\", %d", command, name, &value);
      try
        {
          std::printf ("{\"done\": %d}\n", run (command, name, value));
        }
      catch (const interprocess_exception &failure)
        {
          std::printf ("{\"refused\": [\"boost\", %d, \"%s\"]}\n", failure.get_native_error (),
                       failure.what ());
        }
      std::fflush (stdout);
    }

  return 0;
}
