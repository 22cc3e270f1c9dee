/*
 * Options of which a test changes one at a time: a table of their fields and other values.
 */
#ifndef HEADRACE_TESTS_UNIT_ONE_CHANGE_H
#define HEADRACE_TESTS_UNIT_ONE_CHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct change {
    const char *name;
    size_t offset;
    size_t bytes;
    uint64_t value;
};

#define CHANGE(type_, field_, value_)                                                              \
    {                                                                                              \
#field_, offsetof(type_, field_), sizeof(((type_ *)0)->field_), (value_)                   \
    }

static inline void change_one(void *options, const struct change *change)
{
    memcpy((uint8_t *)options + change->offset, &change->value, change->bytes);
}

#endif
