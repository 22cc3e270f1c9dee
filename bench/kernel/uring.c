#include "bench/kernel/uring.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* Of one connection: beyond that it is not read from, for its client does not read. */
#define QUEUE_MAX 16u

/* What completed: the low bits of its user data, the connection's index above. */
enum operation {
    OP_NONE, /* nobody waits for it */
    OP_STOP,
    OP_ACCEPT,
    OP_RECEIVE,
    OP_CANCEL,
    OP_SEND,
};
#define OP_BITS 3u

static uint64_t tag(enum operation operation, uint32_t index)
{
    return (uint64_t)index << OP_BITS | operation;
}

static void arm_accept(struct kernel_worker *worker)
{
    struct io_uring_sqe *sqe = uring_sqe(worker->state);

    io_uring_prep_multishot_accept_direct(sqe, worker->listen_fd, NULL, NULL, 0);
    io_uring_sqe_set_data64(sqe, tag(OP_ACCEPT, 0));
}

static void arm_receive(struct uring_state *state, uint32_t index)
{
    struct io_uring_sqe *sqe = uring_sqe(state);

    io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    io_uring_sqe_set_data64(sqe, tag(OP_RECEIVE, index));
    state->conns[index].is_armed = true;
}

static void cancel_receive(struct uring_state *state, uint32_t index)
{
    struct uring_conn *conn = &state->conns[index];
    struct io_uring_sqe *sqe;

    if (!conn->is_armed || conn->is_cancelling) {
        return;
    }
    sqe = uring_sqe(state);
    io_uring_prep_cancel64(sqe, tag(OP_RECEIVE, index), 0);
    io_uring_sqe_set_data64(sqe, tag(OP_CANCEL, index));
    conn->is_cancelling = true;
}

/* Without a completion: whatever becomes of it, the connection goes on the same. */
static void shut(struct uring_state *state, uint32_t index)
{
    struct io_uring_sqe *sqe = uring_sqe(state);

    io_uring_prep_shutdown(sqe, (int)index, SHUT_WR);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, tag(OP_NONE, index));
}

/* All of it, however many times the socket is full: the kernel waits and goes on. */
static void send_bytes(struct uring_state *state, uint32_t index, const void *bytes,
                       uint32_t length)
{
    struct io_uring_sqe *sqe = uring_sqe(state);

    io_uring_prep_send(sqe, (int)index, bytes, length, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, tag(OP_SEND, index));
    state->conns[index].is_sending = true;
    state->conns[index].sending = length;
}

static void send_head(struct uring_state *state, uint32_t index)
{
    const struct uring_conn *conn = &state->conns[index];
    const struct uring_buffer *buffer = &state->buffers[conn->head];

    send_bytes(state, index, uring_bytes(state, conn->head) + buffer->from,
               buffer->to - buffer->from);
}

static void queue_pop(struct uring_state *state, struct uring_conn *conn)
{
    uint32_t buffer = conn->head;

    conn->head = state->buffers[buffer].next;
    conn->queued--;
    uring_give_back(state, buffer);
}

static void queue_push(struct uring_state *state, struct uring_conn *conn, uint32_t buffer)
{
    state->buffers[buffer].next = URING_NONE;
    if (conn->head == URING_NONE) {
        conn->head = buffer;
    } else {
        state->buffers[conn->tail].next = buffer;
    }
    conn->tail = buffer;
    conn->queued++;
}

/* Reads again, if there is a buffer to read into; else when there is. */
static void resume(struct uring_state *state, uint32_t index)
{
    struct uring_conn *conn = &state->conns[index];

    if (conn->is_armed || conn->is_waiting || conn->is_ended || conn->is_over) {
        return;
    }
    if (state->buffers_free > 0) {
        arm_receive(state, index);
        return;
    }
    conn->is_waiting = true;
    conn->next = state->waiting;
    state->waiting = index;
}

/* The end of a connection, once nothing of it is under way. */
static void settle(struct kernel_worker *worker, uint32_t index)
{
    struct uring_state *state = worker->state;
    struct uring_conn *conn = &state->conns[index];
    struct io_uring_sqe *sqe;

    if (!conn->is_ended && !conn->is_over) {
        return;
    }
    if (conn->is_over) {
        cancel_receive(state, index);
        while (!conn->is_sending && conn->head != URING_NONE) {
            queue_pop(state, conn);
        }
    }
    if (conn->is_armed || conn->is_cancelling || conn->is_sending || conn->is_waiting ||
        conn->head != URING_NONE) {
        return;
    }
    sqe = uring_sqe(state);
    io_uring_prep_close_direct(sqe, index);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, tag(OP_NONE, index));
    kernel_count(&worker->stats.connections, (uint64_t)-1);
}

/* Those that found no buffer, now that some have come back. */
static void resume_waiting(struct kernel_worker *worker)
{
    struct uring_state *state = worker->state;

    while (state->waiting != URING_NONE && state->buffers_free > 0) {
        uint32_t index = state->waiting;

        state->waiting = state->conns[index].next;
        state->conns[index].is_waiting = false;
        resume(state, index);
        settle(worker, index);
    }
}

static void send_chargen(struct uring_state *state, uint32_t index)
{
    uint32_t at = state->conns[index].at;

    send_bytes(state, index, kernel_chargen + at, KERNEL_CHARGEN_BYTES - at);
}

static void on_accept(struct kernel_worker *worker, const struct io_uring_cqe *cqe)
{
    struct uring_state *state = worker->state;

    if (cqe->res >= 0) {
        uint32_t index = (uint32_t)cqe->res;

        state->conns[index] = (struct uring_conn){
            .head = URING_NONE, .next = URING_NONE, .left = worker->options->close_after};
        kernel_count(&worker->stats.accepted, 1);
        kernel_count(&worker->stats.connections, 1);
        resume(state, index);
        if (worker->options->service == KERNEL_CHARGEN) {
            send_chargen(state, index);
        }
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        arm_accept(worker);
    }
}

/* How much of what came is to be echoed; the rest is thrown away. */
static uint32_t share_of(const struct kernel_worker *worker, struct uring_conn *conn,
                         uint32_t length)
{
    if (worker->options->service != KERNEL_ECHO || conn->is_over) {
        return 0;
    }
    if (worker->options->close_after == 0) {
        return length;
    }
    length = conn->left < length ? (uint32_t)conn->left : length;
    conn->left -= length;
    return length;
}

static void take_bytes(struct kernel_worker *worker, uint32_t index, uint32_t buffer,
                       uint32_t length)
{
    struct uring_state *state = worker->state;
    struct uring_conn *conn = &state->conns[index];
    uint32_t share = share_of(worker, conn, length);

    kernel_count(&worker->stats.data_in, length);
    if (share == 0) {
        uring_give_back(state, buffer);
        return;
    }
    state->buffers[buffer].from = 0;
    state->buffers[buffer].to = share;
    queue_push(state, conn, buffer);
    if (!conn->is_sending) {
        send_head(state, index);
    } else if (conn->queued >= QUEUE_MAX) {
        cancel_receive(state, index);
    }
}

static void on_receive(struct kernel_worker *worker, uint32_t index, const struct io_uring_cqe *cqe)
{
    struct uring_state *state = worker->state;
    struct uring_conn *conn = &state->conns[index];
    bool has_buffer = (cqe->flags & IORING_CQE_F_BUFFER) != 0;
    uint32_t buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

    conn->is_armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
    state->buffers_free -= has_buffer;
    if (cqe->res > 0) {
        take_bytes(worker, index, buffer, (uint32_t)cqe->res);
    } else if (has_buffer) {
        uring_give_back(state, buffer);
    }
    if (cqe->res == 0) {
        conn->is_ended = true;
    } else if (cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -ECANCELED) {
        conn->is_over = true;
    }
    if (conn->queued < QUEUE_MAX) {
        resume(state, index);
    }
    settle(worker, index);
}

static bool has_more_to_send(const struct kernel_worker *worker, const struct uring_conn *conn)
{
    return worker->options->service == KERNEL_CHARGEN ? !conn->is_ended : conn->head != URING_NONE;
}

static void on_send(struct kernel_worker *worker, uint32_t index, int result)
{
    struct uring_state *state = worker->state;
    struct uring_conn *conn = &state->conns[index];
    bool is_chargen = worker->options->service == KERNEL_CHARGEN;

    conn->is_sending = false;
    if (result <= 0) {
        conn->is_over = true;
        settle(worker, index);
        return;
    }
    kernel_count(&worker->stats.data_out, (uint64_t)result);
    if (is_chargen) {
        conn->at = (conn->at + (uint32_t)result) % KERNEL_CHARGEN_PERIOD;
    } else if ((uint32_t)result == conn->sending) {
        queue_pop(state, conn);
    } else {
        state->buffers[conn->head].from += (uint32_t)result;
    }
    if (conn->is_over) {
        settle(worker, index);
        return;
    }
    if (has_more_to_send(worker, conn)) {
        if (is_chargen) {
            send_chargen(state, index);
        } else {
            send_head(state, index);
        }
        return;
    }
    if (worker->options->close_after > 0 && conn->left == 0) {
        shut(state, index);
    }
    resume(state, index);
    settle(worker, index);
}

static void on_completion(struct kernel_worker *worker, const struct io_uring_cqe *cqe)
{
    struct uring_state *state = worker->state;
    uint32_t index = (uint32_t)(cqe->user_data >> OP_BITS);

    switch ((enum operation)(cqe->user_data & ((1u << OP_BITS) - 1))) {
    case OP_STOP:
        state->is_stopping = true;
        break;
    case OP_ACCEPT:
        on_accept(worker, cqe);
        break;
    case OP_RECEIVE:
        on_receive(worker, index, cqe);
        break;
    case OP_CANCEL:
        state->conns[index].is_cancelling = false;
        settle(worker, index);
        break;
    case OP_SEND:
        on_send(worker, index, cqe->res);
        break;
    case OP_NONE:
        break;
    }
}

static void serve(struct kernel_worker *worker)
{
    struct uring_state *state = worker->state;
    struct io_uring_sqe *sqe;
    bool was_busy = true;

    uring_enable(state);
    sqe = uring_sqe(state);
    io_uring_prep_poll_add(sqe, worker->stop_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, tag(OP_STOP, 0));
    arm_accept(worker);
    while (!state->is_stopping) {
        const struct io_uring_cqe *cqe;
        unsigned head;
        unsigned count = 0;

        if (kernel_worker_may_sleep(worker, was_busy)) {
            (void)io_uring_submit_and_wait(&state->ring, 1);
        } else {
            (void)io_uring_submit_and_get_events(&state->ring);
        }
        io_uring_for_each_cqe(&state->ring, head, cqe)
        {
            on_completion(worker, cqe);
            count++;
        }
        io_uring_cq_advance(&state->ring, count);
        resume_waiting(worker);
        uring_show_buffers(state);
        was_busy = count > 0;
    }
}

const struct kernel_engine kernel_uring = {
    .open = uring_open,
    .serve = serve,
    .close = uring_close,
};
