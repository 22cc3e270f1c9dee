/*
 * The ioctl of ethtool, and features by name. No state; any thread. The
 * descriptor is any socket of the network namespace in question.
 */
#ifndef HEADRACE_DATAPATH_XDP_ETHTOOL_H
#define HEADRACE_DATAPATH_XDP_ETHTOOL_H

#include <stdbool.h>

struct ethtool_feature {
    bool is_on;
    bool is_settable;
};

/* `command` is a structure of linux/ethtool.h that begins with its number. 0 or
 * a negative errno. */
int ethtool_call(int fd, const char *interface, void *command);

/* A feature by the kernel's name, as in `ethtool -k`'s long names. -ENOENT: this
 * kernel has none of that name. */
int ethtool_feature_read(int fd, const char *interface, const char *name,
                         struct ethtool_feature *feature);
int ethtool_feature_off(int fd, const char *interface, const char *name);

#endif
