/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns @text in a form that is safe to print: valid UTF-8 without characters that control a
 * terminal, change the direction of text or are invisible. Every key, path, program name, argument
 * and value of an environment variable is passed through this function before people see it.
 *
 * Each such character becomes an escape sequence of JSON, such as \n or \u202e. Each byte that is
 * not UTF-8 becomes U+FFFD. Other text stays as it is, backslashes too, so a second call changes
 * nothing. The function takes no lock, so a child of fork () may call it. */
char *ssem_display_text (const char *text);

G_END_DECLS
