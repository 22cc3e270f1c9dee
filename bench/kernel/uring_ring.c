/* The ring and the buffers that are provided to it: set up, used, closed. */
#include "bench/kernel/uring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SUBMISSIONS 4096u
#define COMPLETIONS 16384u

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int refuse(const char *what, int error)
{
    (void)fprintf(stderr, "kernel_echo: io_uring can't be used: %s: %s.%s\n", what,
                  strerror(-error),
                  error == -EPERM    ? " See the sysctl kernel.io_uring_disabled."
                  : error == -EINVAL ? " It takes Linux 6.1 or later."
                                     : "");
    return -1;
}

static int provide_buffers(struct uring_state *state)
{
    struct io_uring_buf_reg registration = {.ring_entries = URING_BUFFERS};
    int error;

    state->buffer_ring_bytes = URING_BUFFERS * sizeof(struct io_uring_buf);
    state->buffer_ring = map(state->buffer_ring_bytes);
    state->memory = map((size_t)URING_BUFFERS * URING_BUFFER_BYTES);
    state->buffers = calloc(URING_BUFFERS, sizeof *state->buffers);
    if (!state->buffer_ring || !state->memory || !state->buffers) {
        return refuse("buffers", -ENOMEM);
    }
    registration.ring_addr = (uintptr_t)state->buffer_ring;
    error = io_uring_register_buf_ring(&state->ring, &registration, 0);
    if (error != 0) {
        return refuse("buffers can't be provided", error);
    }
    io_uring_buf_ring_init(state->buffer_ring);
    for (uint32_t i = 0; i < URING_BUFFERS; i++) {
        uring_give_back(state, i);
    }
    uring_show_buffers(state);
    return 0;
}

/* Disabled until its thread enables it: that is the single issuer. Completions are worked
 * on when the thread asks for them, and nothing interrupts it. */
static int open_ring(struct uring_state *state)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
        .cq_entries = COMPLETIONS,
    };
    int error = io_uring_queue_init_params(SUBMISSIONS, &state->ring, &params);

    if (error != 0) {
        return refuse("no ring", error);
    }
    state->is_ring_open = true;
    error = io_uring_register_files_sparse(&state->ring, state->conns_max);
    return error != 0 ? refuse("files can't be registered", error) : provide_buffers(state);
}

int uring_open(struct kernel_worker *worker)
{
    struct uring_state *state = calloc(1, sizeof *state);

    worker->state = state;
    if (!state) {
        return refuse("state", -ENOMEM);
    }
    state->waiting = URING_NONE;
    state->conns_max = worker->conns_max < URING_CONNS_MAX ? worker->conns_max : URING_CONNS_MAX;
    state->conns = calloc(state->conns_max, sizeof *state->conns);
    return state->conns ? open_ring(state) : refuse("connections", -ENOMEM);
}

void uring_close(struct kernel_worker *worker)
{
    struct uring_state *state = worker->state;

    if (state->is_ring_open) {
        io_uring_queue_exit(&state->ring);
    }
    if (state->buffer_ring) {
        (void)munmap(state->buffer_ring, state->buffer_ring_bytes);
    }
    if (state->memory) {
        (void)munmap(state->memory, (size_t)URING_BUFFERS * URING_BUFFER_BYTES);
    }
    free(state->buffers);
    free(state->conns);
    free(state);
}

void uring_enable(struct uring_state *state)
{
    /* liburing 2.3 declares io_uring_enable_rings() and forgets to export it. It can't
     * fail for a ring that was made disabled. */
    (void)syscall(__NR_io_uring_register, state->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
                  0);
    /* Spares the kernel a look-up of the descriptor at each call; works without, too. */
    (void)io_uring_register_ring_fd(&state->ring);
}

struct io_uring_sqe *uring_sqe(struct uring_state *state)
{
    struct io_uring_sqe *sqe;

    while ((sqe = io_uring_get_sqe(&state->ring)) == NULL) {
        (void)io_uring_submit(&state->ring);
    }
    return sqe;
}

void uring_give_back(struct uring_state *state, uint32_t buffer)
{
    io_uring_buf_ring_add(state->buffer_ring, uring_bytes(state, buffer), URING_BUFFER_BYTES,
                          (unsigned short)buffer, io_uring_buf_ring_mask(URING_BUFFERS),
                          (int)state->buffers_back++);
    state->buffers_free++;
}

void uring_show_buffers(struct uring_state *state)
{
    if (state->buffers_back > 0) {
        io_uring_buf_ring_advance(state->buffer_ring, (int)state->buffers_back);
        state->buffers_back = 0;
    }
}
