/*
 * A connection that sends, whose bytes follow from their sequence numbers: what the
 * two tests of the doors of sending share. Included after conn_fixture.h and
 * piece_fixture.h; the test owns the fixture, between open_sender() and
 * close_sender(), which looks at every byte and finds everything at home.
 */
#ifndef HEADRACE_TESTS_UNIT_SEND_FIXTURE_H
#define HEADRACE_TESTS_UNIT_SEND_FIXTURE_H

#include "tcp/user.h"

#define MSS 1448u
#define START (UINT32_MAX - 70000)

struct sender {
    struct conn_fixture f;
    struct tcp_conn *conn;
    uint32_t end; /* the number of the next byte that is given */
};

static inline void open_sender(struct sender *s)
{
    conn_open(&s->f);
    s->conn = conn_make(&s->f, 1000);
    s->conn->snd.una = START;
    s->conn->snd.nxt = START;
    s->end = START;
}

/* Every byte that is queued, and its sum. */
static inline void check_queue(const struct sender *s)
{
    const struct frame_pool *pool = &s->f.net.pool;
    const struct tcp_sendq *sendq;
    uint32_t seq = s->conn->snd.una;

    assert_int_equal(tcp_conn_queued(s->conn), s->end - s->conn->snd.una);
    assert_true(tcp_check(&s->f.tcp));
    if (!s->conn->flight) {
        return;
    }
    sendq = &s->conn->flight->sendq;
    for (uint32_t at = sendq->head; at != sendq->tail; at++) {
        const struct slice *slice = &sendq_at(sendq, at)->slice;

        assert_int_equal(sendq_at(sendq, at)->seq, seq);
        assert_true(slice->length > 0);
        assert_true(slice->offset >= TCP_PAYLOAD_OFFSET); /* room for the headers */
        assert_true(slice->offset + slice->length <= frame_chunk_bytes(pool));
        for (uint32_t i = 0; i < slice->length; i++) {
            assert_int_equal(slice_data(pool, slice)[i], byte_at(seq + i, 0));
        }
        assert_int_equal(slice->sum % 0xffff, plain_sum(slice_data(pool, slice), slice->length));
        seq += slice->length;
    }
    assert_int_equal(seq, s->end);
}

static inline void close_sender(struct sender *s)
{
    check_queue(s);
    conn_unmake(&s->f, s->conn);
    conn_close(&s->f);
}

static inline void write_at(uint8_t *to, uint32_t seq, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        to[i] = byte_at(seq + i, 0);
    }
}

static inline int32_t send_bytes(struct sender *s, uint32_t length)
{
    static uint8_t bytes[1u << 20];
    int32_t done;

    write_at(bytes, s->end, length);
    done = tcp_send(s->conn, bytes, length);
    s->end += done > 0 ? (uint32_t)done : 0;
    return done;
}

/* A received payload with the next bytes; in the worker's hands. */
static inline struct slice arrived(struct sender *s, uint16_t offset, uint16_t length)
{
    struct frame_pool *pool = &s->f.net.pool;
    struct slice slice = {.frame = frame_take(pool, FRAME_BUDGET_RECEIVE, FRAME_KERNEL_RX),
                          .offset = offset,
                          .length = length};

    assert_int_not_equal(slice.frame, FRAME_NONE);
    frame_arrive(pool, slice.frame, (uint16_t)(offset + length));
    write_at(slice_data(pool, &slice), s->end, length);
    slice.sum = plain_sum(slice_data(pool, &slice), length);
    return slice;
}

static inline int pass_on(struct sender *s, const struct slice *slice, enum frame_holder from)
{
    int error = tcp_send_slice(s->conn, slice, from);

    s->end += error == TCP_OK ? slice->length : 0;
    return error;
}

/* All that is queued was sent. */
static inline void send_all(struct sender *s)
{
    struct tcp_sendq *sendq = &s->conn->flight->sendq;

    while (sendq_has_unsent(sendq)) {
        s->conn->snd.nxt = tcp_record_end(sendq_at(sendq, sendq->next));
        sendq_transmitted(sendq, sendq->next, s->f.net.now_ns);
    }
}

static inline unsigned records(const struct sender *s)
{
    return s->conn->flight ? sendq_count(&s->conn->flight->sendq) : 0;
}

#endif
