/*
 * The entry of TIME-WAIT that has a tuple, as the worker's table knows it, also beside a
 * connection of the same tuple.
 */
#ifndef HEADRACE_TESTS_UNIT_TIMEWAIT_FIND_H
#define HEADRACE_TESTS_UNIT_TIMEWAIT_FIND_H

#include "tcp/timewait_table.h"

/* TIMEWAIT_NONE when there is none. */
static inline uint32_t timewait_find(const struct tcp *tcp, const struct tcp_tuple *tuple)
{
    struct table_cursor cursor = table_seek(&tcp->table, tuple_hash(tuple, tcp->table_key));
    uint32_t value;

    while ((value = table_next(&cursor)) != TABLE_NONE) {
        uint32_t index = value & ~TCP_TABLE_TIMEWAIT;

        if ((value & TCP_TABLE_TIMEWAIT) != 0 &&
            tuple_equal(&timewait_at(&tcp->timewait, index)->tuple, tuple)) {
            return index;
        }
    }
    return TIMEWAIT_NONE;
}

#endif
