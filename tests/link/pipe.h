/*
 * One direction of the emulated line: a queue before a rate, then a delay. Packets
 * leave in the order in which they came.
 *
 * It reads no clock: a packet counts from when the kernel saw it, so that a process
 * that was scheduled late neither slows the line nor makes its queue look full. All
 * memory is the pipe's, from pipe_init to pipe_free. One thread.
 *
 * Marks: RFC 3168 section 5; the sum of the IPv4 header by RFC 1624.
 */
#ifndef HEADRACE_TESTS_LINK_PIPE_H
#define HEADRACE_TESTS_LINK_PIPE_H

#include <stdbool.h>
#include <stdint.h>

/* Places of directions in what has two of something. */
enum {
    PIPE_TO_RIGHT,
    PIPE_TO_LEFT,
};

/* An Ethernet frame of a veth with the usual MTU, a VLAN tag included. */
#define PIPE_PACKET_BYTES_MAX 1518u

/* What waits and what is on its way: at 200 Mbit/s the 16 MB of the longest queue and
 * 300 ms are 16,000 frames of full size. A power of two. */
#define PIPE_PACKETS_MAX 65536u

struct pipe_settings {
    double rate_bytes_s; /* 0: no limit */
    uint64_t delay_ns;
    uint64_t queue_bytes_max; /* that wait for the rate, the packet in transmission included */
    uint64_t mark_bytes;      /* marked above so many waiting, if `marks` */
    bool marks;
    double loss; /* of 1 */
    uint64_t seed;
};

struct pipe_counters {
    uint64_t packets; /* that came */
    uint64_t forwarded;
    uint64_t dropped_by_queue;
    uint64_t lost; /* at random */
    uint64_t marked;
    uint64_t queue_bytes_largest;
};

struct pipe_packet {
    uint64_t sent_ns; /* all of it has left the queue */
    uint32_t length;
    uint8_t bytes[PIPE_PACKET_BYTES_MAX];
};

struct pipe {
    struct pipe_settings settings;
    struct pipe_counters counters;
    struct pipe_packet *packets; /* a ring: [head, tail) are there, */
    uint32_t head;
    uint32_t sent; /* of them [head, sent) are on their way, the rest waits */
    uint32_t tail;
    uint64_t waiting_bytes;
    uint64_t free_ns; /* when the line has sent all that waits */
    uint64_t random;
};

/* 0, or -1: no memory. */
int pipe_init(struct pipe *pipe, const struct pipe_settings *settings);
void pipe_free(struct pipe *pipe);

/* A packet came; the pipe copies it, drops it or marks its copy. */
void pipe_put(struct pipe *pipe, const uint8_t *bytes, uint32_t length, uint64_t now_ns);

/* The packet that comes out next, or NULL; at pipe_due_ns, UINT64_MAX without one. */
const struct pipe_packet *pipe_first(const struct pipe *pipe);
uint64_t pipe_due_ns(const struct pipe *pipe);

/* It has come out. */
void pipe_take(struct pipe *pipe);

#endif
