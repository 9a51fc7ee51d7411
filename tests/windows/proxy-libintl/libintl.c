/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "libintl.h"

#include <stddef.h>

static const char *
choose (const char    *singular,
        const char    *plural,
        unsigned long  n)
{
  return n == 1 ? singular : plural;
}

char *
gettext (const char *message)
{
  return (char *) message;
}

char *
dgettext (const char *domain,
          const char *message)
{
  return (char *) message;
}

char *
dcgettext (const char *domain,
           const char *message,
           int         category)
{
  return (char *) message;
}

char *
ngettext (const char    *singular,
          const char    *plural,
          unsigned long  n)
{
  return (char *) choose (singular, plural, n);
}

char *
dngettext (const char    *domain,
           const char    *singular,
           const char    *plural,
           unsigned long  n)
{
  return (char *) choose (singular, plural, n);
}

char *
dcngettext (const char    *domain,
            const char    *singular,
            const char    *plural,
            unsigned long  n,
            int            category)
{
  return (char *) choose (singular, plural, n);
}

char *
textdomain (const char *domain)
{
  return (char *) (domain != NULL ? domain : "messages");
}

char *
bindtextdomain (const char *domain,
                const char *directory)
{
  return (char *) directory;
}

char *
bind_textdomain_codeset (const char *domain,
                         const char *codeset)
{
  return (char *) codeset;
}
