#include "tests/packetdrill/test_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/headrace_sysctl_XXXXXX";

int settings_begin(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int settings_end(void **state)
{
    (void)state;
    (void)rmdir(folder);
    return 0;
}

void set(const char *name, const char *value)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", value);
    (void)fclose(file);
}

void unset(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)unlink(path);
}

void open_again(struct bed *bed, const char *more)
{
    char flags[128];

    (void)snprintf(flags, sizeof flags, "sysctl=%s%s", folder, more);
    bed->table.free(bed->self);
    open_bed(bed, flags);
}

struct tcp_info info_of(struct bed *bed, int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    assert_int_equal(bed->table.getsockopt(bed->self, fd, IPPROTO_TCP, TCP_INFO, &info, &length),
                     0);
    return info;
}

int set_option(struct bed *bed, int fd, int name, int value)
{
    return bed->table.setsockopt(bed->self, fd, IPPROTO_TCP, name, &value, sizeof value);
}
