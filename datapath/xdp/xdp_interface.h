/*
 * A network interface opened for the stack: a socket and a port for each queue
 * asked for, and the XDP program that gives them the packets for our own
 * addresses. The kernel's stack keeps everything else.
 *
 * Opened and closed by the control thread, in the network namespace of the
 * interface; each port then belongs to one worker. Region and pools are the
 * caller's and outlive it. See README.md for modes, order and death.
 */
#ifndef HEADRACE_DATAPATH_XDP_XDP_INTERFACE_H
#define HEADRACE_DATAPATH_XDP_XDP_INTERFACE_H

#include "datapath/xdp/error.h"
#include "datapath/xdp/nic.h"
#include "datapath/xdp/port_xdp.h"
#include "datapath/xdp/program.h"

/* In the order in which automatic tries them. */
enum xdp_mode {
    XDP_MODE_ZEROCOPY, /* the NIC works on our frames */
    XDP_MODE_NATIVE,   /* program in the driver, packets copied */
    XDP_MODE_GENERIC,  /* program behind the driver, any interface */
    XDP_MODE_AUTO,     /* the first that works; never the mode of an open interface */
};

/* A queue and the pool that feeds it. Two queues may not share a pool. */
struct xdp_queue_config {
    uint32_t queue;
    struct frame_pool *pool;
};

struct xdp_config {
    const char *interface;
    enum xdp_mode mode; /* any but AUTO means that or an error */
    const struct xdp_queue_config *queues;
    uint32_t queue_count;
    const struct region *region;
    const struct ip_addr *addresses;
    uint32_t address_count;
    uint32_t entries[XSK_RING_COUNT]; /* powers of two: RX < FILL = frames lent, TX <= COMPLETION */
    bool offloads_off;                /* switch harmful receive offloads off instead of failing */
};

/* Automatic; RX 1024, FILL 2048, TX 2048, COMPLETION 2048. The rest is the
 * caller's to set. */
extern const struct xdp_config xdp_config_default;

struct xdp_interface {
    struct nic_facts nic;
    enum xdp_mode mode; /* what runs, on all queues */
    char reason[256];   /* why the mode before it was refused; empty when it was the first tried */
    uint32_t mtu_bytes; /* of IP packets: the interface's, or less when a frame holds no more */
    struct program program;
    uint32_t port_count;
    struct port_xdp *ports; /* in the order of the configuration */
};

const char *xdp_mode_name(enum xdp_mode mode);

/* 0 and the interface, which receives at once; or a negative errno and a
 * sentence, and nothing left behind. */
int xdp_open(const struct xdp_config *config, struct xdp_interface **out, struct xdp_error *error);

/* Detaches the program, closes the sockets, and takes back the frames that were
 * lent. After the workers have stopped. In a forked child it frees the heap
 * memory only. */
void xdp_close(struct xdp_interface *interface);

#endif
