/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "conformance.h"

#include <gio/gunixconnection.h>
#include <string.h>
#include <sys/socket.h>
#include <sysprof-capture.h>
#include <unistd.h>

/* The marks of waits in a capture of Sysprof.
 *
 * The test takes the part of the profiler, as SysprofControlSource does. A thread that is profiled
 * asks for a buffer over the socket SYSPROF_CONTROL_FD, gets its descriptor, and writes frames.
 */

#define REQUEST "CreatRing"

/* These are in the library of Sysprof for programs, but in none of its headers. */
typedef struct _MappedRingBuffer MappedRingBuffer;

typedef bool (* MappedRingBufferCallback) (const void *data,
                                           size_t     *length,
                                           void       *user_data);

MappedRingBuffer *mapped_ring_buffer_new_reader (size_t                    size);
int               mapped_ring_buffer_get_fd     (MappedRingBuffer         *self);
bool              mapped_ring_buffer_drain      (MappedRingBuffer         *self,
                                                 MappedRingBufferCallback  callback,
                                                 void                     *user_data);

/* Sysprof 3.46 keeps the buffer of a thread that has ended. */
const char       *__lsan_default_suppressions   (void);

const char *
__lsan_default_suppressions (void)
{
  return "leak:mapped_ring_buffer_new_writer\n";
}

static GMutex buffers_lock;
static GPtrArray *buffers; /* of MappedRingBuffer */

static gpointer
serve_in_thread (gpointer data)
{
  GIOStream *stream = data;
  char request[sizeof REQUEST];

  while (g_input_stream_read_all (g_io_stream_get_input_stream (stream), request, sizeof request,
                                  NULL, NULL, NULL) &&
         memcmp (request, REQUEST, sizeof request) == 0)
    {
      MappedRingBuffer *buffer = mapped_ring_buffer_new_reader (0);
      g_autoptr(GError) error = NULL;

      g_mutex_lock (&buffers_lock);
      g_ptr_array_add (buffers, buffer);
      g_mutex_unlock (&buffers_lock);
      g_unix_connection_send_fd (G_UNIX_CONNECTION (stream), mapped_ring_buffer_get_fd (buffer),
                                 NULL, &error);
      g_assert_no_error (error);
    }

  return NULL;
}

/* Before the library asks for the profiler, which it does once. */
static void
start_profiler (void)
{
  g_autoptr(GSocket) socket = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *number = NULL;
  int fds[2];

  if (buffers != NULL)
    return;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  number = g_strdup_printf ("%d", fds[1]);
  g_setenv ("SYSPROF_CONTROL_FD", number, TRUE);
  socket = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);

  buffers = g_ptr_array_new ();
  g_thread_unref (g_thread_new ("profiler", serve_in_thread,
                                g_socket_connection_factory_create_connection (socket)));
}

/* --- Marks --- */

/* The first frame of each buffer that has not been read is at @data. */
static bool
read_frame (const void *data,
            size_t     *length,
            void       *user_data)
{
  const SysprofCaptureFrame *frame = data;
  const SysprofCaptureMark *mark = data;

  g_assert_cmpuint (frame->len, <=, *length);
  *length = frame->len;
  if (frame->type != SYSPROF_CAPTURE_FRAME_MARK || !g_str_equal (mark->group, "ssem"))
    return true;

  g_assert_cmpstr (mark->name, ==, "wait");
  g_assert_cmpint (mark->frame.time, >, 0);
  g_assert_cmpint (mark->duration, >, 0);
  g_assert_cmpint (mark->frame.time + mark->duration, <=, SYSPROF_CAPTURE_CURRENT_TIME);
  g_string_append_printf (user_data, "[%s]", mark->message);

  return true;
}

/* Checks that since the last call there were no marks, or one for a wait for @n units with that
 * outcome. */
static void
assert_marks (Fixture    *fixture,
              int         n,
              const char *outcome)
{
  g_autoptr(GString) messages = g_string_new (NULL);
  g_autofree char *expected = outcome == NULL
                              ? g_strdup ("")
                              : g_strdup_printf ("[%s: %d units, %s]", fixture->key, n, outcome);
  guint i;

  g_mutex_lock (&buffers_lock);
  for (i = 0; i < buffers->len; i++)
    mapped_ring_buffer_drain (buffers->pdata[i], read_frame, messages);
  g_mutex_unlock (&buffers_lock);
  g_assert_cmpstr (messages->str, ==, expected);
}

/* --- Cases --- */

static void
test_timed_out (Fixture *fixture)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GError) error = NULL;

  start_profiler ();
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);

  /* Neither an acquire on the fast path nor one off it waits here. */
  assert_acquire (semaphore, 1);
  g_assert_true (ssem_system_semaphore_acquire_timeout (semaphore, 1, -1, cancellable, NULL));
  g_assert_false (ssem_system_semaphore_try_acquire (semaphore, 1, NULL));
  assert_marks (fixture, 0, NULL);

  g_assert_false (ssem_system_semaphore_acquire_timeout (semaphore, 2, 1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  assert_marks (fixture, 2, "timed out");
  assert_release (semaphore, 2);
  assert_marks (fixture, 0, NULL);
}

static gpointer
acquire_in_thread (gpointer data)
{
  return GINT_TO_POINTER (ssem_system_semaphore_acquire (data, 3, NULL, NULL));
}

static void
test_acquired (Fixture *fixture)
{
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  GThread *thread;

  start_profiler ();
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  thread = g_thread_new ("waiter", acquire_in_thread, semaphore);
  wait_until_blocked (fixture->backend, getpid (), 1);
  assert_release (semaphore, 1);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
  assert_marks (fixture, 3, "acquired");
}

static void
acquired_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
test_cancelled (Fixture *fixture)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(SsemSystemSemaphore) semaphore = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;

  start_profiler ();
  semaphore = fixture_open (fixture, SSEM_ACCESS_MODE_OPEN, 2);
  ssem_system_semaphore_acquire_async (semaphore, 3, cancellable, acquired_cb, &result);
  wait_until_blocked (fixture->backend, getpid (), 1);
  g_cancellable_cancel (cancellable);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (ssem_system_semaphore_acquire_finish (semaphore, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_marks (fixture, 3, "cancelled");
}

const char conformance_topic[] = "profile";
const Needs conformance_needs = NEEDS_WAITING_THREAD;

const Case conformance_cases[] = {
  { "timed-out", 0, test_timed_out },
  { "acquired", 0, test_acquired },
  { "cancelled", 0, test_cancelled },
  { NULL },
};
