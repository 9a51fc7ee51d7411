/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fault-injector.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The size of the kernel's structures, which may be larger than those of the header. */
#define MAX_NOTIF 512

static int
install_filter (guint32 action)
{
  /* The filter allows sendmsg(2), which sends the descriptor to the test. */
  struct sock_filter steps[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT (BPF_RET | BPF_K, action),
  };
  struct sock_fprog program = { G_N_ELEMENTS (steps), steps };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return -1;

  return (int) syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

static gpointer
probe (gpointer data)
{
  struct seccomp_notif_sizes sizes;

  /* A filter lasts as long as its thread; this filter allows everything. */
  return GINT_TO_POINTER (syscall (SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
                          sizes.seccomp_notif <= MAX_NOTIF &&
                          install_filter (SECCOMP_RET_ALLOW) >= 0);
}

gboolean
fault_injector_is_supported (void)
{
  return GPOINTER_TO_INT (g_thread_join (g_thread_new ("probe", probe, NULL)));
}

/* --- The victim --- */

typedef union
{
  struct cmsghdr header;
  char bytes[CMSG_SPACE (sizeof (int))];
} Control;

gboolean
fault_submit (int socket)
{
  Control control = { 0 };
  char byte = 'f';
  struct iovec data = { &byte, 1 };
  struct msghdr message = {
    .msg_iov = &data,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };
  int fd = install_filter (SECCOMP_RET_USER_NOTIF);

  control.header = (struct cmsghdr) {
    .cmsg_len = CMSG_LEN (sizeof fd),
    .cmsg_level = SOL_SOCKET,
    .cmsg_type = SCM_RIGHTS,
  };
  memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
  if (fd < 0 || sendmsg (socket, &message, 0) != 1)
    return FALSE;

  close (fd);

  return TRUE;
}

/* --- The test --- */

static int
receive_fd (int socket)
{
  Control control;
  char byte;
  struct iovec data = { &byte, 1 };
  struct msghdr message = {
    .msg_iov = &data,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };
  int fd;

  g_assert_cmpint (recvmsg (socket, &message, MSG_CMSG_CLOEXEC), ==, 1);
  g_assert_cmpuint (message.msg_controllen, >, 0);
  memcpy (&fd, CMSG_DATA (&control.header), sizeof fd);

  return fd;
}

/* Returns the error to answer, or 0 to let the kernel make the call. */
static int
decide (FaultInjector              *self,
        const struct seccomp_notif *asked)
{
  FaultCall call = {
    .thread = (pid_t) asked->pid,
    .process = atomic_load (&self->window->process),
    .directory = self->directory,
    .data = &asked->data,
  };
  int row;

  row = fault_find_row (&call);
  if (row >= 0 && fault_rows[row].is_wait)
    atomic_store (&self->has_waited, TRUE);

  if (!atomic_load (&self->window->is_armed))
    return 0;
  if (row == -2)
    self->unknown = asked->data.nr;
  if (row < 0)
    return 0;

  self->n_seen[row]++;
  if (row != self->row || self->n_seen[row] != self->occurrence)
    return 0;

  atomic_store (&self->has_injected, TRUE);

  return self->error;
}

static gpointer
answer (gpointer data)
{
  FaultInjector *self = data;
  union
  {
    struct seccomp_notif notif;
    char bytes[MAX_NOTIF];
  } asked;
  union
  {
    struct seccomp_notif_resp resp;
    char bytes[MAX_NOTIF];
  } answered;
  struct pollfd waited = { .fd = self->fd, .events = POLLIN };

  for (;;)
    {
      int error;

      if (poll (&waited, 1, -1) < 0)
        continue;
      if (!(waited.revents & POLLIN))
        break;

      memset (&asked, 0, sizeof asked);
      if (ioctl (self->fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
        continue;

      error = decide (self, &asked.notif);
      memset (&answered, 0, sizeof answered);
      answered.resp.id = asked.notif.id;
      answered.resp.error = -error;
      answered.resp.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;

      /* Fails if the asking thread has been killed. */
      ioctl (self->fd, SECCOMP_IOCTL_NOTIF_SEND, &answered);
    }

  close (self->fd);

  return NULL;
}

void
fault_injector_start (FaultInjector *self,
                      FaultWindow   *window,
                      const char    *directory,
                      int            socket)
{
  g_assert_cmpuint (fault_n_rows, <=, FAULT_MAX_ROWS);

  memset (self->n_seen, 0, sizeof self->n_seen);
  atomic_init (&self->has_injected, FALSE);
  atomic_init (&self->has_waited, FALSE);
  self->unknown = -1;
  self->window = window;
  self->directory = directory;
  self->fd = receive_fd (socket);
  self->thread = g_thread_new ("answer", answer, self);
}

void
fault_injector_finish (FaultInjector *self)
{
  g_thread_join (g_steal_pointer (&self->thread));
}
