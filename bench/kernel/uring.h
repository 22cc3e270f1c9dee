/*
 * The io_uring engine: one ring per worker, issued and reaped by its thread alone.
 * Accept and receive are multishot, and receive into a ring of provided buffers; sockets
 * are registered files that never become descriptors; what was received is sent from
 * where it lies, and the buffer goes back when the send completes.
 *
 * Invariants:
 *   - of one connection at most one send is under way: the rest waits in its queue;
 *   - a buffer is in the kernel's ring, in one queue, or being looked at;
 *   - a socket is closed, and its index free again, only when nothing of it is under way.
 *
 * uring_ring sets up the ring and the buffers, uring is what becomes of completions.
 */
#ifndef HEADRACE_BENCH_KERNEL_URING_H
#define HEADRACE_BENCH_KERNEL_URING_H

#include "bench/kernel/worker.h"

#include <liburing.h>

/* 16 KiB hold any request at once, and make segments of full size of what is bulk. */
#define URING_BUFFER_BYTES (16u * 1024)
#define URING_BUFFERS 2048u
#define URING_NONE UINT32_MAX
/* Registered files; no comparison here opens more connections to one worker. */
#define URING_CONNS_MAX 65536u

struct uring_conn {
    uint64_t left;      /* bytes until this side half-closes; see close_after */
    uint32_t head;      /* queue of buffers to be sent, or URING_NONE; the first is */
    uint32_t tail;      /*   being sent when is_sending */
    uint32_t queued;    /* buffers in the queue */
    uint32_t at;        /* in kernel_chargen */
    uint32_t next;      /* on the list of those that wait for a buffer */
    uint32_t sending;   /* bytes of the send under way */
    bool is_armed;      /* a multishot receive is under way */
    bool is_waiting;    /* for a buffer, to be armed again */
    bool is_cancelling; /* a cancellation of that receive is under way */
    bool is_sending;
    bool is_ended; /* the peer has sent its last byte */
    bool is_over;  /* an error: nothing is sent any more */
};

/* Bytes [from, to) of a buffer are still to be sent. */
struct uring_buffer {
    uint32_t next;
    uint32_t from;
    uint32_t to;
};

struct uring_state {
    struct io_uring ring;
    bool is_ring_open;
    bool is_stopping;
    uint32_t conns_max;
    uint32_t buffers_free; /* in the kernel's ring */
    unsigned buffers_back; /* given back in this turn, not yet shown to the kernel */
    uint32_t waiting;      /* connections that wait for a buffer */
    struct io_uring_buf_ring *buffer_ring;
    size_t buffer_ring_bytes;
    uint8_t *memory; /* of the buffers */
    struct uring_buffer *buffers;
    struct uring_conn *conns; /* by index of the registered file */
};

/* 0, or -1 after a sentence; what was made is in worker->state either way. */
int uring_open(struct kernel_worker *worker);
void uring_close(struct kernel_worker *worker);

/* By the thread that is to use the ring: from then on nobody else may. */
void uring_enable(struct uring_state *state);

/* A free submission entry; what stands in the queue is submitted when it is full. */
struct io_uring_sqe *uring_sqe(struct uring_state *state);

static inline uint8_t *uring_bytes(const struct uring_state *state, uint32_t buffer)
{
    return state->memory + (size_t)buffer * URING_BUFFER_BYTES;
}

/* To the kernel's ring; it sees those of a turn at once. */
void uring_give_back(struct uring_state *state, uint32_t buffer);
void uring_show_buffers(struct uring_state *state);

#endif
