/*
 * For the tests of what scripts can set: a folder of files in the place of /proc/sys/net/ipv4, and
 * objects that read it.
 *
 * Owner: the test, which has one folder.
 */
#ifndef HEADRACE_TESTS_PACKETDRILL_TEST_SETTINGS_H
#define HEADRACE_TESTS_PACKETDRILL_TEST_SETTINGS_H

#include "tests/packetdrill/test_bed.h"

#include <linux/tcp.h>

/* Of a group: -1 when the folder can't be made. Whoever sets a file unsets it, so that it can go.
 */
int settings_begin(void **state);
int settings_end(void **state);
void set(const char *name, const char *value);
void unset(const char *name);

/* An object that reads the folder, in the place of the one that is there; `more` flags, ",a=b". */
void open_again(struct bed *bed, const char *more);

struct tcp_info info_of(struct bed *bed, int fd);
/* Of IPPROTO_TCP; what setsockopt() says. */
int set_option(struct bed *bed, int fd, int name, int value);

#endif
