/* Copyright 2026 The Ssem authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "ssem-param-spec-private.h"

/* GParamSpecEnum replaces a number outside its enumeration by the default value, and only logs a
 * warning: the semaphore would be opened in another mode than requested. Here every number reaches
 * the object, which fails to open with an error. */

static gboolean
any_enum_is_valid (GParamSpec   *pspec,
                   const GValue *value)
{
  return TRUE;
}

/* Returns whether it changed the value. */
static gboolean
any_enum_validate (GParamSpec *pspec,
                   GValue     *value)
{
  return FALSE;
}

static void
any_enum_class_init (gpointer klass,
                     gpointer class_data)
{
  GParamSpecClass *param_class = klass;

  param_class->value_is_valid = any_enum_is_valid;
  param_class->value_validate = any_enum_validate;
}

static GType
any_enum_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    {
      const GTypeInfo info = {
        .class_size = sizeof (GParamSpecClass),
        .class_init = any_enum_class_init,
        .instance_size = sizeof (GParamSpecEnum),
      };

      g_once_init_leave (&type, g_type_register_static (G_TYPE_PARAM_ENUM, "SsemParamAnyEnum",
                                                        &info, 0));
    }

  return type;
}

GParamSpec *
ssem_param_spec_any_enum (const char  *name,
                          GType        enum_type,
                          int          default_value,
                          GParamFlags  flags)
{
  GParamSpecEnum *property = g_param_spec_internal (any_enum_get_type (), name, NULL, NULL, flags);

  /* The class of the parent type drops this reference. */
  property->enum_class = g_type_class_ref (enum_type);
  property->default_value = default_value;
  property->parent_instance.value_type = enum_type;

  return &property->parent_instance;
}
