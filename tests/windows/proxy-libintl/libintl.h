/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <locale.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The gettext functions for a system that has none: each answers what it was given. */

#ifndef LC_MESSAGES
#define LC_MESSAGES 1729
#endif

/* Lets the compiler check a translated format against its arguments. */
#define INTL_RETURNS_ARGUMENT(i) __attribute__ ((format_arg (i)))

char *gettext                 (const char    *message) INTL_RETURNS_ARGUMENT (1);
char *dgettext                (const char    *domain,
                               const char    *message) INTL_RETURNS_ARGUMENT (2);
char *dcgettext               (const char    *domain,
                               const char    *message,
                               int            category) INTL_RETURNS_ARGUMENT (2);
char *ngettext                (const char    *singular,
                               const char    *plural,
                               unsigned long  n) INTL_RETURNS_ARGUMENT (1)
                                                 INTL_RETURNS_ARGUMENT (2);
char *dngettext               (const char    *domain,
                               const char    *singular,
                               const char    *plural,
                               unsigned long  n) INTL_RETURNS_ARGUMENT (2)
                                                 INTL_RETURNS_ARGUMENT (3);
char *dcngettext              (const char    *domain,
                               const char    *singular,
                               const char    *plural,
                               unsigned long  n,
                               int            category) INTL_RETURNS_ARGUMENT (2)
                                                        INTL_RETURNS_ARGUMENT (3);
char *textdomain              (const char    *domain);
char *bindtextdomain          (const char    *domain,
                               const char    *directory);
char *bind_textdomain_codeset (const char    *domain,
                               const char    *codeset);

#ifdef __cplusplus
}
#endif
