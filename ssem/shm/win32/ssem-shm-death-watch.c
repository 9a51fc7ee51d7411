/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-shm-alive-private.h"
#include "ssem-shm-win32-member-private.h"

#include "ssem/os/ssem-thread-private.h"

/* Watching for deaths
 *
 *   The system signals the handle of a process when the process ends. While this process watches,
 *   it has a handle to each process that has a slot in a watched segment, and the system's thread
 *   pool waits for all of them. The slots contain the system's process ids. Such an id may be
 *   another process's by now. So after the handle was opened, the name of the process's event must
 *   still exist: see ssem-shm-alive.c. Then the process is alive, and the id was its own all the
 *   time.
 *
 * Arrivals
 *
 *   A listener learns of processes that attach later through an event of its own. Its attach id
 *   stands in the anchor while it watches. A process that attaches first claims its slot, and then
 *   sets the event of each listener in the anchor. A listener first enters the anchor, and then
 *   looks at the slots. Both are sequentially consistent. So either the listener finds the slot, or
 *   the process finds the listener. A process that has not set the events yet has no units.
 *
 * A process that this one may not open, or for which the system has no handle left, is not watched.
 * The waiters' own look finds its death. Each later arrival tries again.
 *
 * Locks
 *
 *   watch_lock protects everything here. It is held while a SsemShmDeathFunc runs, so that none
 *   runs after unwatch (). The thread pool may call a function for a wait that has just been ended.
 *   So a call names its wait by a number that is never used twice, and finds no wait then.
 */

/* Documented, but in no header. */
NTSYSAPI BOOLEAN NTAPI RtlDllShutdownInProgress (void);

typedef struct
{
  SsemShmMember *member;
  SsemShmDeathFunc func;
} Watched;

/* A process that somebody waits for. */
typedef struct
{
  guint64 id;
  guint serial;
  HANDLE process;
  HANDLE wait;
} Process;

static GMutex watch_lock;
static GArray *watched;        /* NULL at first, as the next two */
static GHashTable *processes;  /* by id */
static GHashTable *serials;    /* by serial: the same ones */
static guint last_serial;
static HANDLE arrivals;        /* NULL before the first watch */
static HANDLE arrivals_wait;   /* NULL while nothing is watched */

static void
process_free (gpointer data)
{
  Process *self = data;

  /* Does not wait for a call that may have begun. */
  if (self->wait != NULL)
    UnregisterWait (self->wait);
  if (self->process != NULL)
    CloseHandle (self->process);
  g_free (self);
}

static void
make_tables (void)
{
  watched = g_array_new (FALSE, FALSE, sizeof (Watched));
  processes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, process_free);
  serials = g_hash_table_new (NULL, NULL);
}

/* With watch_lock. */
static void
report_death (guint64 id)
{
  guint i;

  for (i = 0; i < watched->len; i++)
    {
      Watched *entry = &g_array_index (watched, Watched, i);

      entry->func (entry->member, id);
    }
}

static VOID CALLBACK
died_cb (PVOID   data,
         BOOLEAN is_timeout)
{
  Process *process;

  ssem_thread_lock (&watch_lock);
  process = g_hash_table_lookup (serials, data);
  if (process != NULL)
    {
      report_death (process->id);
      g_hash_table_remove (serials, data);
      g_hash_table_steal (processes, &process->id);
    }
  ssem_thread_unlock (&watch_lock);

  /* After the report, because waiters may wait for that. */
  if (process != NULL)
    process_free (process);
}

/* Waits for the process with that id, which has the system's id @pid if it is alive. With
 * watch_lock. */
static void
wait_for_process (guint64 id,
                  int     pid)
{
  Process *process = g_new0 (Process, 1);

  process->id = id;
  process->serial = ++last_serial;
  process->process = OpenProcess (SYNCHRONIZE, FALSE, (DWORD) pid);

  if (ssem_shm_alive_ask (id) == 0)
    {
      process_free (process);
      report_death (id);
      return;
    }

  /* In the thread that waits: another one would have to be woken. */
  if (process->process == NULL ||
      !RegisterWaitForSingleObject (&process->wait, process->process, died_cb,
                                    GUINT_TO_POINTER (process->serial), INFINITE,
                                    WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
    {
      process->wait = NULL;
      process_free (process);
      return;
    }
  g_hash_table_insert (processes, &process->id, process);
  g_hash_table_insert (serials, GUINT_TO_POINTER (process->serial), process);
}

/* Finds the processes of @segment that nobody waits for yet. With watch_lock. */
static void
look_at_slots (SsemShmSegment *segment,
               guint64         own_id)
{
  guint32 used = MIN (atomic_load (&segment->slots_used), SSEM_SHM_MAX_SLOTS);
  guint32 index;

  for (index = 1; index < used; index++)
    {
      SsemShmSlot *slot = &segment->slots[index];
      guint64 owner = atomic_load (&slot->owner);
      int pid = atomic_load (&slot->pid);
      guint64 id = SSEM_SHM_ATTACH_ID_PROCESS (owner >> SSEM_SHM_OWNER_SHIFT);

      /* The id and the pid belong together if the owner is the same before and after. */
      if (owner == 0 || (owner & SSEM_SHM_OWNER_CLAIMING) != 0 || id == own_id ||
          atomic_load (&slot->owner) != owner || g_hash_table_contains (processes, &id))
        continue;
      wait_for_process (id, pid);
    }
}

static VOID CALLBACK
arrived_cb (PVOID   data,
            BOOLEAN is_timeout)
{
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; i < watched->len; i++)
    {
      SsemShmMember *member = g_array_index (watched, Watched, i).member;

      look_at_slots (member->segment, SSEM_SHM_ATTACH_ID_PROCESS (member->attach_id));
    }
  ssem_thread_unlock (&watch_lock);
}

/* --- Arrivals --- */

/* Enters the anchor. Returns FALSE if it is full. */
static gboolean
enter_anchor (SsemShmWin32Member *self)
{
  SsemShmAnchorPage *page = self->anchor.page;
  int i;

  for (i = 0; i < SSEM_SHM_N_ARRIVAL_LISTENERS; i++)
    {
      guint64 other = atomic_load (&page->listeners[i]);

      if ((other == 0 || ssem_shm_alive_ask (SSEM_SHM_ATTACH_ID_PROCESS (other)) == 0) &&
          atomic_compare_exchange_strong (&page->listeners[i], &other, self->parent.attach_id))
        return TRUE;
    }

  return FALSE;
}

static void
leave_anchor (SsemShmWin32Member *self)
{
  SsemShmAnchorPage *page = self->anchor.page;
  int i;

  for (i = 0; i < SSEM_SHM_N_ARRIVAL_LISTENERS; i++)
    {
      guint64 attach_id = self->parent.attach_id;

      atomic_compare_exchange_strong (&page->listeners[i], &attach_id, 0);
    }
}

void
ssem_shm_member_arrive (SsemShmMember *member)
{
  SsemShmAnchorPage *page = ssem_shm_win32_member (member)->anchor.page;
  int i;

  for (i = 0; i < SSEM_SHM_N_ARRIVAL_LISTENERS; i++)
    {
      guint64 listener = atomic_load (&page->listeners[i]);
      HANDLE event;

      if (listener == 0 ||
          ssem_shm_alive_use_arrivals (SSEM_SHM_ATTACH_ID_PROCESS (listener), &event) != 0)
        continue;
      SetEvent (event);
      CloseHandle (event);
    }
}

/* With watch_lock. */
static gboolean
begin_listening (guint64 own_id)
{
  if (arrivals == NULL && ssem_shm_alive_use_arrivals (own_id, &arrivals) != 0)
    return FALSE;
  if (arrivals_wait == NULL &&
      !RegisterWaitForSingleObject (&arrivals_wait, arrivals, arrived_cb, NULL, INFINITE,
                                    WT_EXECUTEINWAITTHREAD))
    arrivals_wait = NULL;

  return arrivals_wait != NULL;
}

/* With watch_lock, when nothing is watched. */
static void
stop_waiting (void)
{
  g_hash_table_remove_all (serials);
  g_hash_table_remove_all (processes);
  if (arrivals_wait != NULL)
    UnregisterWait (arrivals_wait);
  arrivals_wait = NULL;
}

/* --- The port --- */

gboolean
ssem_shm_member_watch (SsemShmMember    *member,
                       SsemShmDeathFunc  func,
                       SsemShmDeafFunc   end)
{
  Watched entry = { .member = member, .func = func };
  guint64 own_id = SSEM_SHM_ATTACH_ID_PROCESS (member->attach_id);
  gboolean is_watched;

  ssem_thread_lock (&watch_lock);
  if (watched == NULL)
    make_tables ();

  is_watched = begin_listening (own_id) && enter_anchor (ssem_shm_win32_member (member));
  if (is_watched)
    {
      g_array_append_val (watched, entry);
      look_at_slots (member->segment, own_id);
    }
  else if (watched->len == 0)
    {
      stop_waiting ();
    }
  ssem_thread_unlock (&watch_lock);

  return is_watched;
}

void
ssem_shm_member_unwatch (SsemShmMember *member)
{
  guint i;

  ssem_thread_lock (&watch_lock);
  for (i = 0; watched != NULL && i < watched->len; i++)
    {
      if (g_array_index (watched, Watched, i).member != member)
        continue;

      g_array_remove_index_fast (watched, i);
      leave_anchor (ssem_shm_win32_member (member));
      /* At exit () the waits end with the process, and no memory may be freed. */
      if (watched->len == 0 && !RtlDllShutdownInProgress ())
        stop_waiting ();
      break;
    }
  ssem_thread_unlock (&watch_lock);
}
