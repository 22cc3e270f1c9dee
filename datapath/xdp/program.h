/*
 * The XDP program of an interface: loaded, its maps shared with us, attached
 * through a link. A link, because it goes with the process however that ends:
 * the last descriptor closed detaches the program, and the kernel gets all
 * packets again.
 *
 * Order: load; sockets and addresses; attach. Control thread only. The mapped
 * configuration and counters belong to it.
 */
#ifndef HEADRACE_DATAPATH_XDP_PROGRAM_H
#define HEADRACE_DATAPATH_XDP_PROGRAM_H

#include "bpf/maps.h"
#include "datapath/net/addr.h"
#include "datapath/xdp/error.h"
#include "datapath/xdp/fork_guard.h"

#include <stdbool.h>
#include <stdint.h>

struct program {
    struct guarded_fd program;
    struct guarded_fd sockets; /* the XSKMAP */
    struct guarded_fd link;
    struct bpf_config *config;     /* mapped, writable */
    struct bpf_counters *counters; /* mapped, read-only */
};

/* What program_close has nothing to do with. */
extern const struct program program_none;

struct program_config {
    uint32_t queue_count; /* of the interface, used by us or not */
    uint32_t slots_per_queue;
    bool frags;
};

struct program_target {
    const char *interface; /* its name, for the error sentence */
    uint32_t ifindex;
    bool generic;   /* the kernel's generic hook; else the driver's */
    bool is_chosen; /* that, by the user: who is refused it is told of the other */
};

int program_load(struct program *program, const struct program_config *config,
                 struct xdp_error *error);

/* `socket_fd` gets the packets of that queue and slot. */
int program_set_socket(struct program *program, uint32_t queue, uint32_t slot, int socket_fd,
                       struct xdp_error *error);

/* From now on packets to `address` are ours. -ENOSPC when the table is full. */
int program_add_address(struct program *program, const struct ip_addr *address,
                        struct xdp_error *error);

/* An error with the culprit's name when the interface has a program that is not
 * ours. One of ours may be that of a process which is just dying. */
int program_check_foreign(const struct program_target *target, struct xdp_error *error);

/* Retries for two seconds while a program of ours is attached. */
int program_attach(struct program *program, const struct program_target *target,
                   struct xdp_error *error);

/* Detaches first. */
void program_close(struct program *program);

#endif
