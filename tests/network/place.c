#include "tests/network/place.h"

#include "datapath/xdp/ethtool.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail_loudly(const char *what)
{
    fprintf(stderr, "FAILED: %s: %s (these tests need root)\n", what, strerror(errno));
    exit(1);
}

int place_need_root(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        fprintf(stderr, "FAILED: these tests need root, for namespaces and XDP\n");
        return -1;
    }
    return 0;
}

void place_run(const char *format, ...)
{
    char command[512];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) {
        fail_loudly(command);
    }
}

static int new_namespace(void)
{
    int fd;

    if (unshare(CLONE_NEWNET) != 0) {
        fail_loudly("unshare(CLONE_NEWNET)");
    }
    fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fail_loudly("/proc/self/ns/net");
    }
    return fd;
}

static void enter(int fd)
{
    if (setns(fd, CLONE_NEWNET) != 0) {
        fail_loudly("setns");
    }
}

void place_go_far(const struct place *place)
{
    enter(place->far_fd);
}

void place_go_near(const struct place *place)
{
    enter(place->near_fd);
}

static void bring_up(const char *interface, unsigned host)
{
    place_run("ip link set lo up");
    place_run("ip link set %s addrgenmode none up", interface);
    place_run("ip address add 10.77.0.%u/24 dev %s", host, interface);
    place_run("ip address add fd77::%u/64 dev %s nodad", host, interface);
}

static void finish_checksums(const char *interface)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ethtool_feature_off(fd, interface, "tx-checksum-ip-generic") != 0) {
        fail_loudly("switching tx checksum offload off");
    }
    close(fd);
}

void place_open(struct place *place, unsigned queues)
{
    place->far_fd = new_namespace();
    place->near_fd = new_namespace();
    place_run("ip link add " PLACE_NEAR
              " numrxqueues %u numtxqueues %u type veth peer name " PLACE_FAR
              " numrxqueues %u numtxqueues %u netns /proc/%d/fd/%d",
              queues, queues, queues, queues, (int)getpid(), place->far_fd);
    bring_up(PLACE_NEAR, 1);
    place_go_far(place);
    finish_checksums(PLACE_FAR);
    bring_up(PLACE_FAR, 2);
    place_go_near(place);
}

void place_close(struct place *place)
{
    close(place->near_fd);
    close(place->far_fd);
}
