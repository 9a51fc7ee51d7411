/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "user.h"

#include <gdk/x11/gdkx.h>

#include <X11/Xlib.h>
#include <X11/extensions/XTest.h>
#include <X11/keysym.h>

#define POLL_USEC 2000
#define CURRENT_DELAY 0
#define BUTTON 1

/* A connection apart from that of GTK, as another client has. */
static Display *display;

void
user_init (void)
{
  int event, error, major, minor;

  g_assert_null (display);
  display = XOpenDisplay (NULL);
  g_assert_nonnull (display);
  g_assert_true (XTestQueryExtension (display, &event, &error, &major, &minor));
}

/* --- Waiting --- */

void
user_wait_step (gint64      deadline_usec,
                const char *what)
{
  if (g_get_monotonic_time () > deadline_usec)
    g_error ("Waited in vain: %s", what);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (POLL_USEC);
}

static void
painted_cb (GdkFrameClock *clock,
            gboolean      *is_painted)
{
  *is_painted = TRUE;
}

void
user_settle (GtkWidget *window)
{
  GdkFrameClock *clock = gtk_widget_get_frame_clock (window);
  gboolean is_painted = FALSE;
  gulong handler;

  handler = g_signal_connect (clock, "after-paint", G_CALLBACK (painted_cb), &is_painted);
  gdk_frame_clock_request_phase (clock, GDK_FRAME_CLOCK_PHASE_LAYOUT);
  gdk_frame_clock_request_phase (clock, GDK_FRAME_CLOCK_PHASE_PAINT);
  user_wait (is_painted);
  g_signal_handler_disconnect (clock, handler);
}

static Window
get_xid (GtkWidget *window)
{
  return gdk_x11_surface_get_xid (gtk_native_get_surface (GTK_NATIVE (window)));
}

static gboolean
is_viewable (Window window)
{
  XWindowAttributes attributes;

  return XGetWindowAttributes (display, window, &attributes) != 0 &&
         attributes.map_state == IsViewable;
}

void
user_present (GtkWidget *window)
{
  gtk_window_present (GTK_WINDOW (window));
  user_wait (gtk_widget_get_mapped (window));
  user_wait (is_viewable (get_xid (window)));

  /* There is no window manager that would set it. */
  XSetInputFocus (display, get_xid (window), RevertToParent, CurrentTime);
  XSync (display, False);
  user_wait (gtk_window_is_active (GTK_WINDOW (window)));
  user_settle (window);
}

graphene_point_t
user_locate (GtkWidget *widget,
             float      fraction)
{
  GtkNative *native = gtk_widget_get_native (widget);
  graphene_point_t inside = GRAPHENE_POINT_INIT (gtk_widget_get_width (widget) * fraction,
                                                 gtk_widget_get_height (widget) / 2.0f);
  graphene_point_t point;
  double x, y;

  g_assert_true (gtk_widget_compute_point (widget, GTK_WIDGET (native), &inside, &point));
  /* For the X server, the frame is a part of the window. */
  gtk_native_get_surface_transform (native, &x, &y);
  point.x += (float) x;
  point.y += (float) y;

  return point;
}

/* --- Acting --- */

void
user_click (GtkWidget *widget)
{
  GtkWidget *window = GTK_WIDGET (gtk_widget_get_native (widget));
  graphene_point_t point;
  int root_x, root_y;
  Window child;

  user_settle (window);
  g_assert_true (gtk_widget_get_mapped (widget));
  g_assert_true (gtk_widget_is_sensitive (widget));
  point = user_locate (widget, 0.5f);
  XTranslateCoordinates (display, get_xid (window), DefaultRootWindow (display),
                         (int) point.x, (int) point.y, &root_x, &root_y, &child);

  XTestFakeMotionEvent (display, DefaultScreen (display), root_x, root_y, CURRENT_DELAY);
  XTestFakeButtonEvent (display, BUTTON, True, CURRENT_DELAY);
  XTestFakeButtonEvent (display, BUTTON, False, CURRENT_DELAY);
  XSync (display, False);
}

void
user_press (guint    keysym,
            gboolean with_control)
{
  KeyCode code = XKeysymToKeycode (display, keysym);
  KeyCode control = XKeysymToKeycode (display, XK_Control_L);

  g_assert_cmpint (code, !=, 0);
  if (with_control)
    XTestFakeKeyEvent (display, control, True, CURRENT_DELAY);
  XTestFakeKeyEvent (display, code, True, CURRENT_DELAY);
  XTestFakeKeyEvent (display, code, False, CURRENT_DELAY);
  if (with_control)
    XTestFakeKeyEvent (display, control, False, CURRENT_DELAY);
  XSync (display, False);
}

/* Types characters that have a key of their own, such as small letters and digits. */
void
user_type (const char *text)
{
  for (; *text != '\0'; text++)
    user_press (gdk_unicode_to_keyval ((guint32) *text), FALSE);
}

static Window
find_titled (const char *title)
{
  Window top = DefaultRootWindow (display);
  Window root, parent, found = None, *children = NULL;
  unsigned int n_children, i;

  if (XQueryTree (display, top, &root, &parent, &children, &n_children) == 0)
    return None;
  for (i = 0; i < n_children; i++)
    {
      char *name = NULL;

      if (XFetchName (display, children[i], &name) != 0 && g_str_equal (name, title) &&
          is_viewable (children[i]))
        found = children[i];
      if (name != NULL)
        XFree (name);
    }
  if (children != NULL)
    XFree (children);

  return found;
}

void
user_focus_titled (const char *title)
{
  user_wait (find_titled (title) != None);
  XSetInputFocus (display, find_titled (title), RevertToParent, CurrentTime);
  XSync (display, False);
}

/* --- Seeing --- */

static gboolean
holds (GtkWidget  *widget,
       const char *text)
{
  GtkWidget *child;

  if (!gtk_widget_get_mapped (widget))
    return FALSE;
  if (GTK_IS_LABEL (widget) && g_str_equal (gtk_label_get_text (GTK_LABEL (widget)), text))
    return TRUE;

  for (child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    {
      if (holds (child, text))
        return TRUE;
    }

  return FALSE;
}

GtkWidget *
user_see (GtkWidget  *root,
          GType       type,
          const char *text)
{
  GtkWidget *child;

  if (!gtk_widget_get_mapped (root) || (text != NULL && !holds (root, text)))
    return NULL;
  if (g_type_is_a (G_OBJECT_TYPE (root), type))
    return root;

  for (child = gtk_widget_get_first_child (root); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = user_see (child, type, text);

      if (found != NULL)
        return found;
    }

  return NULL;
}

GtkWidget *
user_find (GtkWidget  *root,
           GType       type,
           const char *text)
{
  GtkWidget *found = user_see (root, type, text);

  if (found == NULL)
    g_error ("There is no %s “%s” to be seen", g_type_name (type), text != NULL ? text : "");

  return found;
}

void
user_wait_until_seen (GtkWidget  *root,
                      GType       type,
                      const char *text)
{
  gint64 deadline_usec = g_get_monotonic_time () + USER_WATCHDOG_USEC;

  while (user_see (root, type, text) == NULL)
    user_wait_step (deadline_usec, text != NULL ? text : g_type_name (type));
}

void
user_wait_until_gone (GtkWidget  *root,
                      GType       type,
                      const char *text)
{
  gint64 deadline_usec = g_get_monotonic_time () + USER_WATCHDOG_USEC;

  while (user_see (root, type, text) != NULL)
    user_wait_step (deadline_usec, text != NULL ? text : g_type_name (type));
}

GdkTexture *
user_photograph (GtkWidget *window)
{
  Window xid = get_xid (window);
  g_autofree guint32 *pixels = NULL;
  g_autoptr(GBytes) bytes = NULL;
  XWindowAttributes place;
  gsize stride;
  XImage *image;
  int x, y;

  user_settle (window);
  /* The picture may still be on its way to the server, by GTK's connection. */
  gdk_display_sync (gtk_widget_get_display (window));
  g_assert_cmpint (XGetWindowAttributes (display, xid, &place), !=, 0);
  image = XGetImage (display, xid, 0, 0, (unsigned int) place.width, (unsigned int) place.height,
                     AllPlanes, ZPixmap);
  g_assert_nonnull (image);

  pixels = g_new (guint32, (gsize) place.width * (gsize) place.height);
  for (y = 0; y < place.height; y++)
    {
      for (x = 0; x < place.width; x++)
        pixels[y * place.width + x] = 0xff000000 | (guint32) XGetPixel (image, x, y);
    }
  XDestroyImage (image);

  stride = sizeof *pixels * (gsize) place.width;
  bytes = g_bytes_new (pixels, stride * (gsize) place.height);

  return gdk_memory_texture_new (place.width, place.height, GDK_MEMORY_DEFAULT, bytes, stride);
}
