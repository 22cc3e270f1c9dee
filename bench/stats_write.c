#include "bench/stats_write.h"

#include <inttypes.h>

void stats_write(FILE *file, const struct hr_stats *stats)
{
    const char *separator = "{";

#define FIELD(name, meaning)                                                                       \
    (void)fprintf(file, "%s\"" #name "\": %" PRIu64, separator, stats->name);                      \
    separator = ", ";
    HR_STATS(FIELD)
#undef FIELD
    (void)fprintf(file, "}");
}
