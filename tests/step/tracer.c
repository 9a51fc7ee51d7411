/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "tracer.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a victim says with it: that it has prepared itself, and then that it has performed. Nobody
 * else sends it. */
#define MARK SIGUSR1

/* Signal number of a stop at a system call, by PTRACE_O_TRACESYSGOOD. */
#define SYSCALL_STOP (SIGTRAP | 0x80)

#ifdef __x86_64__

static const guint8 syscall_instruction[] = { 0x0f, 0x05 };

/* lock cmpxchg of 64 bits, with any of the 16 registers; the byte with the other bits of the
 * register's number is left out. */
static gboolean
is_swap (const guint8 *code)
{
  return code[0] == 0xf0 && (code[1] & 0xf8) == 0x48 && code[2] == 0x0f && code[3] == 0xb1;
}

static gsize
get_address (pid_t victim)
{
  struct user_regs_struct registers;
  struct iovec place = { &registers, sizeof registers };

  if (ptrace (PTRACE_GETREGSET, victim, (void *) NT_PRSTATUS, &place) != 0)
    g_error ("PTRACE_GETREGSET: %s", g_strerror (errno));

  return registers.rip;
}

/* Of the debug registers, 0 has the address, 7 switches it on: bit 0 for this one, and the rest at
 * 0 for "when executed". 0 for no breakpoint. */
static gboolean
set_breakpoint (pid_t victim,
                gsize address)
{
  const gsize registers = offsetof (struct user, u_debugreg);

  return ptrace (PTRACE_POKEUSER, victim, registers + 7 * sizeof (gsize), 0) == 0 &&
         ptrace (PTRACE_POKEUSER, victim, registers, address) == 0 &&
         (address == 0 ||
          ptrace (PTRACE_POKEUSER, victim, registers + 7 * sizeof (gsize), 1) == 0);
}

#define MACHINE_IS_KNOWN TRUE

#else

static const guint8 syscall_instruction[] = { 0 };

static gboolean
is_swap (const guint8 *code)
{
  return FALSE;
}

static gsize
get_address (pid_t victim)
{
  g_assert_not_reached ();
}

static gboolean
set_breakpoint (pid_t victim,
                gsize address)
{
  return FALSE;
}

#define MACHINE_IS_KNOWN FALSE

#endif

/* --- The library --- */

typedef struct
{
  gsize within;
  gsize start, end;
} Text;

static int
find_text_cb (struct dl_phdr_info *info,
              size_t               size,
              void                *data)
{
  Text *text = data;
  int i;

  for (i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *header = &info->dlpi_phdr[i];
      gsize start = info->dlpi_addr + header->p_vaddr;

      if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0 &&
          text->within >= start && text->within < start + header->p_memsz)
        {
          text->start = start;
          text->end = start + header->p_memsz;
          return 1;
        }
    }

  return 0;
}

static Text
find_text (gconstpointer code)
{
  Text text = { .within = (gsize) code };

  g_assert_cmpint (dl_iterate_phdr (find_text_cb, &text), ==, 1);

  return text;
}

/* --- Stops --- */

/* Lets the victim run on as @request says, to its next stop, and delivers the signal, unless it is
 * 0; answers the signal of the stop. */
static int
run_with (pid_t victim,
          int   request,
          int   delivered)
{
  int status;

  if (ptrace (request, victim, NULL, GINT_TO_POINTER (delivered)) != 0)
    g_error ("ptrace request %d: %s", request, g_strerror (errno));
  if (waitpid (victim, &status, __WALL) != victim)
    g_error ("waitpid: %s", g_strerror (errno));
  if (!WIFSTOPPED (status))
    g_error ("The victim ended by itself, with status 0x%x", status);

  return WSTOPSIG (status);
}

static int
run (pid_t victim,
     int   request)
{
  return run_with (victim, request, 0);
}

static void
expect_mark (int number)
{
  if (number != MARK)
    g_error ("The victim stopped with signal %d", number);
}

static void
run_victim (const VictimTable *table)
{
  /* Not to outlive a test that ends. */
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
    _exit (99);

  table->prepare (table->data);
  raise (MARK);
  table->perform (table->data);
  raise (MARK);
  table->conclude (table->data);
  _exit (0);
}

pid_t
tracer_start (const VictimTable *table)
{
  pid_t victim = fork ();
  int status;

  if (victim < 0)
    g_error ("fork: %s", g_strerror (errno));
  if (victim == 0)
    run_victim (table);

  if (waitpid (victim, &status, __WALL) != victim || !WIFSTOPPED (status))
    g_error ("The victim could not be prepared: status 0x%x", status);
  expect_mark (WSTOPSIG (status));
  if (ptrace (PTRACE_SETOPTIONS, victim, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
    g_error ("PTRACE_SETOPTIONS: %s", g_strerror (errno));

  return victim;
}

static void
do_nothing (gpointer data)
{
}

gboolean
tracer_is_supported (const char **reason)
{
  const VictimTable idle = { do_nothing, do_nothing, do_nothing, NULL };
  gboolean can_break;
  pid_t victim;

  *reason = "instructions are only stepped through on x86-64";
  if (!MACHINE_IS_KNOWN)
    return FALSE;

  *reason = "this system lets nobody set a breakpoint register";
  victim = tracer_start (&idle);
  can_break = set_breakpoint (victim, (gsize) do_nothing) && run (victim, PTRACE_CONT) == SIGTRAP;
  tracer_kill (victim);

  return can_break;
}

void
tracer_kill (pid_t victim)
{
  int status;

  if (kill (victim, SIGKILL) != 0)
    g_error ("kill: %s", g_strerror (errno));
  if (waitpid (victim, &status, __WALL) != victim || !WIFSIGNALED (status))
    g_error ("The victim was not killed: status 0x%x", status);
}

void
tracer_finish (pid_t victim)
{
  set_breakpoint (victim, 0);
  expect_mark (run (victim, PTRACE_CONT));
}

void
tracer_interrupt (pid_t    victim,
                  int      number,
                  gboolean is_again)
{
  gboolean may_come_again = is_again;
  int stop;

  if (!is_again)
    set_breakpoint (victim, 0);

  /* At the stop of a system call the signal is sent, and stops the victim before it is
   * delivered. */
  while ((stop = run_with (victim, PTRACE_CONT, number)) == number ||
         (stop == SIGTRAP && may_come_again))
    {
      if (stop == SIGTRAP)
        {
          set_breakpoint (victim, 0);
          may_come_again = FALSE;
        }
    }
  expect_mark (stop);
}

int
tracer_conclude (pid_t victim)
{
  int status;

  /* One that did not come to its point may come there when nobody traces it any more. */
  set_breakpoint (victim, 0);
  if (ptrace (PTRACE_DETACH, victim, NULL, NULL) != 0)
    g_error ("PTRACE_DETACH: %s", g_strerror (errno));
  if (waitpid (victim, &status, __WALL) != victim)
    g_error ("waitpid: %s", g_strerror (errno));

  return status;
}

/* --- Points --- */

GArray *
tracer_record (pid_t         victim,
               gconstpointer code,
               gboolean      is_everywhere)
{
  g_autoptr(GHashTable) n_visits = g_hash_table_new (g_direct_hash, g_direct_equal);
  GArray *points = g_array_new (FALSE, FALSE, sizeof (Point));
  Text text = find_text (code);
  guint n_syscalls = 0;
  guint n_wanted = 0; /* up to the library's last instruction */
  int number;

  /* One step ends at the first instruction after raise (), or by the second mark. */
  while ((number = run (victim, PTRACE_SINGLESTEP)) == SIGTRAP)
    {
      gsize address = get_address (victim);
      gboolean is_library = address >= text.start && address < text.end;

      if (is_library || is_everywhere)
        {
          gpointer key = GSIZE_TO_POINTER (address);
          guint n = GPOINTER_TO_UINT (g_hash_table_lookup (n_visits, key)) + 1;
          Point point = { POINT_INSTRUCTION, address, n };

          g_hash_table_insert (n_visits, key, GUINT_TO_POINTER (n));
          if (is_library || n_wanted > 0)
            g_array_append_val (points, point);
          if (is_library)
            n_wanted = points->len;
        }

      /* The same code lies there in this process. */
      if (memcmp ((const guint8 *) address, syscall_instruction, sizeof syscall_instruction) == 0)
        {
          Point point = { POINT_ENTRY, 0, ++n_syscalls };

          /* Those before the library's first instruction belong to the mark. */
          if (n_wanted == 0)
            continue;
          g_array_append_val (points, point);
          point.kind = POINT_EXIT;
          g_array_append_val (points, point);
        }
    }
  expect_mark (number);

  /* What comes after is the mark's, too. */
  g_array_set_size (points, n_wanted);

  return points;
}

const Point *
tracer_find_swap (GArray *points,
                  guint   n)
{
  guint i;

  for (i = 0; i + 1 < points->len; i++)
    {
      Point *point = &g_array_index (points, Point, i);

      if (point->kind == POINT_INSTRUCTION && is_swap ((const guint8 *) point->address) && --n == 0)
        return point + 1;
    }

  return NULL;
}

gboolean
tracer_lead (pid_t        victim,
             const Point *point)
{
  int request = point->kind == POINT_INSTRUCTION ? PTRACE_CONT : PTRACE_SYSCALL;
  int wanted = point->kind == POINT_INSTRUCTION ? SIGTRAP : SYSCALL_STOP;
  guint n = point->kind == POINT_INSTRUCTION
            ? point->n
            : 2 * point->n - (point->kind == POINT_ENTRY ? 1 : 0);
  int number;

  if (!set_breakpoint (victim, point->address))
    g_error ("PTRACE_POKEUSER: %s", g_strerror (errno));

  while (n > 0 && (number = run (victim, request)) == wanted)
    n--;
  if (n == 0)
    return TRUE;

  expect_mark (number);
  return FALSE;
}

char *
point_to_string (const Point   *point,
                 gconstpointer  code)
{
  if (point->kind != POINT_INSTRUCTION)
    return g_strdup_printf ("the %s of system call %u",
                            point->kind == POINT_ENTRY ? "entry" : "exit", point->n);

  return g_strdup_printf ("instruction 0x%" G_GSIZE_MODIFIER "x, visit %u",
                          point->address - find_text (code).start, point->n);
}
