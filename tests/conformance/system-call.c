/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "system-call.h"

#include <elf.h>
#include <linux/ipc.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As older architectures have it: one call for all of System V's, whose first argument tells
 * which. */
#define KIND_IPC -1

typedef struct
{
  long number;
  int kind; /* a SystemCallKind, or KIND_IPC */
} Row;

static const Row rows[] = {
  { SYS_exit_group, SYSTEM_CALL_EXIT },
#ifdef SYS_fcntl
  { SYS_fcntl, SYSTEM_CALL_FCNTL },
#endif
#ifdef SYS_fcntl64
  { SYS_fcntl64, SYSTEM_CALL_FCNTL },
#endif
#ifdef SYS_futex
  { SYS_futex, SYSTEM_CALL_FUTEX },
#endif
#ifdef SYS_futex_time64
  { SYS_futex_time64, SYSTEM_CALL_FUTEX },
#endif
  { SYS_read, SYSTEM_CALL_READ },
#ifdef SYS_semctl
  { SYS_semctl, SYSTEM_CALL_SEMCTL },
#endif
#ifdef SYS_semget
  { SYS_semget, SYSTEM_CALL_SEMGET },
#endif
#ifdef SYS_semop
  { SYS_semop, SYSTEM_CALL_SEMOP },
#endif
#ifdef SYS_semtimedop
  { SYS_semtimedop, SYSTEM_CALL_SEMOP },
#endif
#ifdef SYS_semtimedop_time64
  { SYS_semtimedop_time64, SYSTEM_CALL_SEMOP },
#endif
  { SYS_write, SYSTEM_CALL_WRITE },
#ifdef SYS_ipc
  { SYS_ipc, KIND_IPC },
#endif
};

/* The same for x86, on which this test may run beside a process of another width, or under an
 * emulator: the kernel sees the emulator's system calls. */
static const Row i386_rows[] = {
  { 3, SYSTEM_CALL_READ },
  { 4, SYSTEM_CALL_WRITE },
  { 117, KIND_IPC },
  { 221, SYSTEM_CALL_FCNTL },
  { 240, SYSTEM_CALL_FUTEX },
  { 252, SYSTEM_CALL_EXIT },
  { 393, SYSTEM_CALL_SEMGET },
  { 394, SYSTEM_CALL_SEMCTL },
  { 420, SYSTEM_CALL_SEMOP },
  { 422, SYSTEM_CALL_FUTEX },
};

static const Row x86_64_rows[] = {
  { 0, SYSTEM_CALL_READ },
  { 1, SYSTEM_CALL_WRITE },
  { 64, SYSTEM_CALL_SEMGET },
  { 65, SYSTEM_CALL_SEMOP },
  { 66, SYSTEM_CALL_SEMCTL },
  { 72, SYSTEM_CALL_FCNTL },
  { 202, SYSTEM_CALL_FUTEX },
  { 220, SYSTEM_CALL_SEMOP },
  { 231, SYSTEM_CALL_EXIT },
};

/* Returns the machine for which a program was built; EM_NONE if it is unknown. */
static int
get_machine (const char *path)
{
  /* The first fields are the same for all widths. */
  Elf32_Ehdr header = { .e_machine = EM_NONE };
  FILE *program = fopen (path, "re");

  if (program == NULL)
    return EM_NONE;
  if (fread (&header, G_STRUCT_OFFSET (Elf32_Ehdr, e_version), 1, program) != 1)
    header.e_machine = EM_NONE;
  fclose (program);

  return header.e_machine;
}

/* Returns the machine of the program that the kernel runs in a process. An emulator answers for
 * /proc/PID/exe of its own process itself, but not for the same file of a thread. */
static int
get_machine_of_process (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%d/exe", (int) pid, (int) pid);

  return get_machine (path);
}

gboolean
system_call_is_emulated (void)
{
  return get_machine_of_process (getpid ()) != get_machine ("/proc/self/exe");
}

static int
find_kind (pid_t pid,
           long  number)
{
  int machine = get_machine_of_process (pid);
  const Row *row = rows;
  gsize n = G_N_ELEMENTS (rows);
  gsize i;

  if (machine == EM_386)
    {
      row = i386_rows;
      n = G_N_ELEMENTS (i386_rows);
    }
  else if (machine == EM_X86_64)
    {
      row = x86_64_rows;
      n = G_N_ELEMENTS (x86_64_rows);
    }

  for (i = 0; i < n; i++)
    {
      if (row[i].number == number)
        return row[i].kind;
    }

  return SYSTEM_CALL_OTHER;
}

static SystemCallKind
find_kind_of_ipc (guint64 which)
{
  switch (which)
    {
    case SEMOP:
    case SEMTIMEDOP:
      return SYSTEM_CALL_SEMOP;

    case SEMGET:
      return SYSTEM_CALL_SEMGET;

    case SEMCTL:
      return SYSTEM_CALL_SEMCTL;

    default:
      return SYSTEM_CALL_OTHER;
    }
}

gboolean
system_call_read (pid_t       pid,
                  const char *thread,
                  SystemCall *call)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%s/syscall", (int) pid, thread);
  g_autofree char *text = NULL;
  guint64 arguments[4];
  const guint64 *first = arguments;
  long number;
  int kind;

  /* "running", or the call's number and its arguments. */
  if (!g_file_get_contents (path, &text, NULL, NULL) ||
      sscanf (text,
              "%ld %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x %" G_GINT64_MODIFIER "x"
              " %" G_GINT64_MODIFIER "x",
              &number, &arguments[0], &arguments[1], &arguments[2], &arguments[3]) != 5)
    return FALSE;

  kind = find_kind (pid, number);
  if (kind == KIND_IPC)
    {
      kind = find_kind_of_ipc (arguments[0]);
      first = &arguments[1];
    }

  call->kind = kind;
  call->arguments[0] = first[0];
  call->arguments[1] = first[1];
  /* The flag is the C library's, not its caller's. */
  call->arguments[2] = kind == SYSTEM_CALL_SEMCTL ? first[2] & ~(guint64) IPC_64 : first[2];

  return TRUE;
}
