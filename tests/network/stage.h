/*
 * What the AF_XDP tests play on: a place (place.h), frames, an interface opened
 * at its near end, and a stack of forty lines that answers ARP and reflects UDP
 * in place. The own address is STAGE_OWN; the far kernel talks to it.
 */
#ifndef HEADRACE_TESTS_NETWORK_STAGE_H
#define HEADRACE_TESTS_NETWORK_STAGE_H

#include "datapath/xdp/memory.h"
#include "datapath/xdp/xdp_interface.h"
#include "tests/network/place.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#include <cmocka.h>

#define STAGE_QUEUES_MAX 2
#define STAGE_OWN "10.77.0.9"
#define STAGE_FRAMES 4096u

extern const struct xdp_memory_config stage_memory;

/* A place, the memory, and what an opening needs; changed before it by some. */
struct stage {
    struct place place;
    struct xdp_memory memory;
    struct xdp_queue_config queues[STAGE_QUEUES_MAX];
    struct ip_addr own;
    struct xdp_config config;
    struct xdp_interface *interface;
    struct xdp_error error;
};

uint64_t now_ms(void);

/* Makes everything but the interface: a test may change the configuration. */
void stage_open(struct stage *stage, unsigned queues, enum xdp_mode mode);
void stage_start(struct stage *stage);
/* Closes, and looks whether every frame came home. */
void stage_close(struct stage *stage);

/* In a forked child that is to open the interface itself: frames of its own, for
 * those of the parent are not mapped; and a crash is a crash, not cmocka's. */
void stage_in_child(struct stage *stage);

/* One turn of the stack. */
void stage_turn(struct xdp_interface *interface);

/* Where the far kernel sends: STAGE_OWN, port 7. */
struct sockaddr_in stage_own_name(void);

/* A socket of the far kernel, not blocking. */
int far_socket(const struct stage *stage, int type, int protocol);

/* Datagrams of `bytes` from `flows` far sockets, each awaited and compared. */
void reflect(struct stage *stage, unsigned flows, unsigned rounds, size_t bytes);

/* Waits until all that was sent is completed; then only what is lent is held. */
void settle(struct stage *stage);

/* A child that opens the interface and serves it until it is killed. When told,
 * it has a child of its own, that only sleeps. */
pid_t victim(struct stage *stage, bool with_child, pid_t *grandchild);

#endif
