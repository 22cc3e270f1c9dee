/*
 * A send queue with its room, filled with bytes that follow from their sequence
 * numbers: what its three tests share. Included after piece_fixture.h; the test owns
 * the fixture, between sendq_open() and sendq_close(), which finds everything at home.
 */
#ifndef HEADRACE_TESTS_UNIT_SENDQ_FIXTURE_H
#define HEADRACE_TESTS_UNIT_SENDQ_FIXTURE_H

#include "tcp/limits.h"
#include "tcp/sendq.h"

struct sendq_fixture {
    struct piece_fixture pieces;
    struct tcp_sendq_room room;
    struct tcp_sendq sendq;
    uint32_t una; /* the first number in the queue */
    uint32_t end; /* one behind the last */
    uint64_t now_ns;
};

static inline void sendq_open(struct sendq_fixture *f, uint32_t una, uint32_t frames)
{
    open_pieces(&f->pieces, frames, 1);
    f->room = (struct tcp_sendq_room){&f->pieces.pool, &f->pieces.blocks};
    f->una = una;
    f->end = una;
    f->now_ns = NS_PER_S;
    sendq_init(&f->sendq);
}

/* A FIN has no byte of its own, and nothing follows it. */
static inline void assert_payload(const struct sendq_fixture *f, const struct tcp_record *record)
{
    uint32_t seq = record->seq + ((record->flags & TCP_RECORD_SYN) != 0);

    if (record->slice.length > 0) {
        assert_bytes(&f->pieces, &record->slice, seq, 0);
    }
}

/* What stands on a list: each once, in order of `key`, backwards as forwards. */
static inline unsigned assert_list(const struct tcp_sendq *sendq,
                                   const struct tcp_record_list *list, unsigned flags)
{
    uint32_t before = TCP_POSITION_NONE;
    unsigned count = 0;

    for (uint32_t position = list->first; position != TCP_POSITION_NONE;) {
        const struct tcp_record *record = sendq_at(sendq, position);

        assert_int_equal(record->prev, before);
        assert_int_equal(record->flags & (TCP_RECORD_SENT | TCP_RECORD_SACKED | TCP_RECORD_LOST),
                         flags);
        if (!(flags & TCP_RECORD_LOST) && before != TCP_POSITION_NONE) {
            assert_true(sendq_at(sendq, before)->last_tx_ns <= record->last_tx_ns);
        }
        before = position;
        position = record->next;
        count++;
        assert_true(count <= sendq_count(sendq));
    }
    assert_int_equal(list->last, before);
    return count;
}

/* Everything that the queue promises, with every byte. */
static inline void assert_queue(struct sendq_fixture *f)
{
    struct tcp_sendq *sendq = &f->sendq;
    unsigned in_flight = 0;
    unsigned lost = 0;
    unsigned sacked = 0;
    uint32_t seq = f->una;

    assert_true(sendq_check(sendq, &f->pieces.pool));
    assert_int_equal(sendq->bytes, f->end - f->una);
    for (uint32_t position = sendq->head; position != sendq->tail; position++) {
        const struct tcp_record *record = sendq_at(sendq, position);

        assert_int_equal(record->seq, seq);
        assert_payload(f, record);
        seq = tcp_record_end(record);
        sacked += (record->flags & TCP_RECORD_SACKED) != 0;
        lost += (record->flags & TCP_RECORD_LOST) != 0;
        in_flight += (record->flags & (TCP_RECORD_SENT | TCP_RECORD_SACKED | TCP_RECORD_LOST)) ==
                     TCP_RECORD_SENT;
    }
    assert_int_equal(seq, f->end);
    assert_int_equal(sacked, sendq->sacked_count);
    assert_int_equal(assert_list(sendq, &sendq->in_flight, TCP_RECORD_SENT), in_flight);
    assert_int_equal(assert_list(sendq, &sendq->lost, TCP_RECORD_SENT | TCP_RECORD_LOST), lost);
    assert_int_equal(sendq->sacked_bytes > 0, sacked > 0);
}

static inline void sendq_close(struct sendq_fixture *f)
{
    assert_queue(f);
    sendq_clear(&f->sendq, &f->room);
    assert_true(sendq_is_empty(&f->sendq));
    close_pieces(&f->pieces);
}

/* Bytes at the end of the stream, into [slice.offset + slice.length, ...). */
static inline void write_bytes(struct sendq_fixture *f, struct slice *slice, uint16_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        slice_data(&f->pieces.pool, slice)[slice->length + i] = byte_at(f->end + i, 0);
    }
    slice->length = (uint16_t)(slice->length + length);
    slice->sum = plain_sum(slice_data(&f->pieces.pool, slice), slice->length);
}

/* A record of `length` bytes and these flags; false when there is no memory. */
static inline bool queue(struct sendq_fixture *f, uint16_t length, unsigned flags)
{
    struct slice slice = {.frame = FRAME_NONE, .offset = TCP_PAYLOAD_OFFSET};
    struct tcp_record *record;

    if (length > 0) {
        slice.frame = frame_take(&f->pieces.pool, FRAME_BUDGET_DATA, FRAME_SENDQ);
        if (slice.frame == FRAME_NONE) {
            return false;
        }
    }
    record = sendq_append(&f->sendq, &f->room, TCP_SENDQ_CUT);
    if (!record) {
        if (length > 0) {
            frame_drop(&f->pieces.pool, slice.frame, FRAME_SENDQ);
        }
        return false;
    }
    assert_int_equal(record->flags, 0);
    assert_int_equal(record->transmissions, 0);
    record->seq = f->end;
    record->flags = (uint8_t)flags;
    f->end += (flags & TCP_RECORD_SYN) != 0 ? 1u : 0u; /* its number comes before the bytes */
    if (length > 0) {
        write_bytes(f, &slice, length);
    }
    record->slice = slice;
    sendq_appended(&f->sendq, (uint32_t)slice.length + ((flags & TCP_RECORD_SYN) != 0) +
                                  ((flags & TCP_RECORD_FIN) != 0));
    f->end = tcp_record_end(record);
    return true;
}

static inline void transmit(struct sendq_fixture *f, uint32_t position)
{
    f->now_ns += 10;
    sendq_transmitted(&f->sendq, position, f->now_ns);
}

/* `count` records of `length` bytes each, sent. */
static inline void queue_sent(struct sendq_fixture *f, unsigned count, uint16_t length)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(queue(f, length, 0));
        transmit(f, f->sendq.next);
    }
}

/* As an ACK does. */
static inline void sendq_deliver(struct tcp_sendq *sendq, const struct tcp_sendq_room *room,
                                 uint32_t una)
{
    while (sendq_acknowledged(sendq, una)) {
        sendq_drop_head(sendq, room);
    }
    sendq_trim(sendq, room, una);
}

static inline void acknowledge(struct sendq_fixture *f, uint32_t una)
{
    f->una = una;
    sendq_deliver(&f->sendq, &f->room, una);
}

#endif
