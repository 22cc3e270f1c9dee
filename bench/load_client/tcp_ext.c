#include "bench/load_client/tcp_ext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of names, and one of numbers; each begins with "TcpExt:". */
static uint64_t value_below(char *titles, char *numbers, const char *wanted)
{
    char *title;
    char *number;

    while ((title = strsep(&titles, " ")) && (number = strsep(&numbers, " "))) {
        if (strcmp(title, wanted) == 0) {
            return strtoull(number, NULL, 10);
        }
    }
    return 0;
}

uint64_t tcp_ext_time_wait_recycled(void)
{
    FILE *file = fopen("/proc/self/net/netstat", "re");
    char titles[8192];
    char numbers[8192];
    uint64_t value = 0;

    if (!file) {
        return 0;
    }
    while (fgets(titles, sizeof titles, file) && fgets(numbers, sizeof numbers, file)) {
        if (strncmp(titles, "TcpExt:", 7) == 0) {
            value = value_below(titles, numbers, "TWRecycled");
        }
    }
    (void)fclose(file);
    return value;
}
