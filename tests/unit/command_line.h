/*
 * One option by its name through getopt_long(), as the programs read it. Included once, after
 * <cmocka.h>.
 */
#ifndef HEADRACE_TESTS_UNIT_COMMAND_LINE_H
#define HEADRACE_TESTS_UNIT_COMMAND_LINE_H

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What getopt_long() returns for "--name value", or "--name" where `value` is NULL; the value is
 * in optarg. */
static inline int command_line_read(const struct option *names, const char *name, const char *value)
{
    char text[64];
    char *argv[] = {text, text, (char *)(uintptr_t)value, NULL};

    (void)snprintf(text, sizeof text, "--%s", name);
    optind = 1;
    opterr = 0;
    return getopt_long(value ? 3 : 2, argv, ":", names, NULL);
}

#endif
