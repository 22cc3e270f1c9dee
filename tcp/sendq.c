#include "tcp/sendq.h"

#include "tcp/blocks.h"
#include "tcp/limits.h"

#include <assert.h>
#include <string.h>

static_assert((TCP_SENDQ_INLINE & (TCP_SENDQ_INLINE - 1)) == 0, "the ring is masked");

/* Far from TCP_POSITION_NONE by more records than a queue can have. */
static const uint32_t rebase_at = 1u << 31;

static const struct tcp_record_list empty_list = {TCP_POSITION_NONE, TCP_POSITION_NONE};

static struct tcp_record *at(struct tcp_sendq *sendq, uint32_t position)
{
    return &sendq->records[position & sendq->mask];
}

static void list_append(struct tcp_sendq *sendq, struct tcp_record_list *list, uint32_t position)
{
    struct tcp_record *record = at(sendq, position);

    record->prev = list->last;
    record->next = TCP_POSITION_NONE;
    if (list->last == TCP_POSITION_NONE) {
        list->first = position;
    } else {
        at(sendq, list->last)->next = position;
    }
    list->last = position;
}

static void list_remove(struct tcp_sendq *sendq, struct tcp_record_list *list,
                        const struct tcp_record *record)
{
    if (record->prev == TCP_POSITION_NONE) {
        list->first = record->next;
    } else {
        at(sendq, record->prev)->next = record->next;
    }
    if (record->next == TCP_POSITION_NONE) {
        list->last = record->prev;
    } else {
        at(sendq, record->next)->prev = record->prev;
    }
}

/* Takes a sent record off whatever it is on, bytes included. */
static void detach(struct tcp_sendq *sendq, const struct tcp_record *record)
{
    uint32_t length = record->length;

    if (record->flags & TCP_RECORD_SACKED) {
        sendq->sacked_bytes -= length;
        sendq->sacked_count--;
        sendq->sacked_runs -= !sendq_is_sacked(sendq, sendq->head + 1); /* it is the head */
    } else if (record->flags & TCP_RECORD_LOST) {
        list_remove(sendq, &sendq->lost, record);
        sendq->lost_bytes -= length;
    } else {
        list_remove(sendq, &sendq->in_flight, record);
        sendq->in_flight_bytes -= length;
    }
}

static bool is_inline(const struct tcp_sendq *sendq)
{
    return sendq->records == sendq->inline_records;
}

static unsigned ring_order(uint32_t capacity)
{
    return (unsigned)__builtin_ctzll((uint64_t)capacity * sizeof(struct tcp_record));
}

static void give_ring(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    if (!is_inline(sendq)) {
        blocks_give(room->blocks, sendq->records, ring_order(sendq->mask + 1));
    }
}

/* The records keep their positions: only the mask changes. */
static void move_ring(struct tcp_sendq *sendq, const struct tcp_sendq_room *room,
                      struct tcp_record *records, uint32_t capacity)
{
    for (uint32_t position = sendq->head; position != sendq->tail; position++) {
        records[position & (capacity - 1)] = *at(sendq, position);
    }
    give_ring(sendq, room);
    sendq->records = records;
    sendq->mask = capacity - 1;
}

static bool grow(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    uint32_t capacity = 2 * (sendq->mask + 1);
    struct tcp_record *records;

    if (capacity > TCP_SENDQ_RECORDS_MAX) {
        return false;
    }
    records = blocks_take(room->blocks, ring_order(capacity));
    if (!records) {
        return false;
    }
    move_ring(sendq, room, records, capacity);
    return true;
}

/* A ring of which seven eighths are empty is left for one that is half full at the most, so that
 * what it costs was paid by the records that have gone. Else a peer that acknowledges all of a
 * long queue but the last byte would keep the ring for as long as it likes, and a few of them all
 * blocks of the worker. */
static RARE void shrink(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    uint32_t capacity = TCP_SENDQ_INLINE;
    struct tcp_record *records = sendq->inline_records;

    if (sendq_is_empty(sendq)) {
        return; /* its end, or an answer follows: see tcp_conn_rest() */
    }
    while (capacity < 2 * sendq_count(sendq)) {
        capacity *= 2;
    }
    if (capacity > TCP_SENDQ_INLINE) {
        records = blocks_take(room->blocks, ring_order(capacity));
        if (!records) {
            return; /* the next ACK tries again */
        }
    }
    move_ring(sendq, room, records, capacity);
}

static void drop_frame(const struct tcp_record *record, const struct tcp_sendq_room *room)
{
    if (record->slice.frame != FRAME_NONE) {
        frame_drop(room->pool, record->slice.frame, FRAME_SENDQ);
    }
}

void sendq_init(struct tcp_sendq *sendq)
{
    sendq->records = sendq->inline_records;
    sendq->mask = TCP_SENDQ_INLINE - 1;
    sendq->head = 0;
    sendq->next = 0;
    sendq->tail = 0;
    sendq->in_flight = empty_list;
    sendq->lost = empty_list;
    sendq->bytes = 0;
    sendq->in_flight_bytes = 0;
    sendq->sacked_bytes = 0;
    sendq->lost_bytes = 0;
    sendq->sacked_count = 0;
    sendq->sacked_runs = 0;
}

void sendq_clear(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    for (uint32_t position = sendq->head; position != sendq->tail; position++) {
        drop_frame(at(sendq, position), room);
    }
    give_ring(sendq, room);
    sendq_init(sendq);
}

void sendq_release(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    assert(sendq_is_empty(sendq));
    give_ring(sendq, room);
}

struct tcp_record *sendq_append(struct tcp_sendq *sendq, const struct tcp_sendq_room *room,
                                enum tcp_sendq_use use)
{
    struct tcp_record *record;

    if (sendq_count(sendq) + use > sendq->mask && !grow(sendq, room)) {
        return NULL;
    }
    record = at(sendq, sendq->tail);
    memset(record, 0, sizeof *record);
    record->slice.frame = FRAME_NONE;
    return record;
}

void sendq_appended(struct tcp_sendq *sendq, uint32_t length)
{
    at(sendq, sendq->tail)->length = length;
    sendq->tail++;
    sendq->bytes += length;
}

struct tcp_record *sendq_open_tail(const struct tcp_sendq *sendq)
{
    struct tcp_record *record;

    if (!sendq_has_unsent(sendq)) {
        return NULL;
    }
    record = sendq_at(sendq, sendq->tail - 1);
    return record->flags & (TCP_RECORD_SYN | TCP_RECORD_FIN) ? NULL : record;
}

static void to_time_list(struct tcp_sendq *sendq, uint32_t position, uint64_t now_ns)
{
    struct tcp_record *record = at(sendq, position);

    record->last_tx_ns = now_ns;
    list_append(sendq, &sendq->in_flight, position);
    sendq->in_flight_bytes += record->length;
}

void sendq_transmitted_next(struct tcp_sendq *sendq, uint64_t now_ns)
{
    struct tcp_record *record = at(sendq, sendq->next);

    record->flags |= TCP_RECORD_SENT;
    record->first_tx_ns = now_ns;
    record->transmissions = 1;
    to_time_list(sendq, sendq->next++, now_ns);
}

void sendq_transmitted(struct tcp_sendq *sendq, uint32_t position, uint64_t now_ns)
{
    struct tcp_record *record = at(sendq, position);

    if (!(record->flags & TCP_RECORD_SENT)) {
        assert(position == sendq->next);
        sendq_transmitted_next(sendq, now_ns);
        return;
    }
    assert(!(record->flags & TCP_RECORD_SACKED));
    detach(sendq, record);
    record->flags = (uint8_t)((record->flags & ~TCP_RECORD_LOST) | TCP_RECORD_RETRANSMITTED);
    if (record->transmissions < UINT8_MAX) {
        record->transmissions++;
    }
    to_time_list(sendq, position, now_ns);
}

/* The acknowledgement ends inside the record. */
static void cut_head(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t una)
{
    struct tcp_record *record = at(sendq, sendq->head);
    uint32_t cut = una - record->seq;

    sendq_shrank(sendq, record, cut);
    if (record->flags & TCP_RECORD_SACKED) {
        sendq->sacked_bytes -= cut;
    } else if (record->flags & TCP_RECORD_LOST) {
        sendq->lost_bytes -= cut;
    } else {
        sendq->in_flight_bytes -= cut;
    }
    if (record->flags & TCP_RECORD_SYN) {
        record->flags &= (uint8_t)~TCP_RECORD_SYN;
        cut--;
    }
    if (cut > 0) {
        (void)slice_take_front(room->pool, &record->slice, (uint16_t)cut);
    }
    record->seq = una;
}

static void lower(uint32_t *link, uint32_t by)
{
    if (*link != TCP_POSITION_NONE) {
        *link -= by;
    }
}

/* Positions begin again near 0, each in its place of the ring as before: a queue
 * that never runs empty would come to TCP_POSITION_NONE, after 2^32 segments. */
static void rebase(struct tcp_sendq *sendq)
{
    uint32_t by = sendq->head & ~sendq->mask;

    for (uint32_t position = sendq->head; position != sendq->next; position++) {
        lower(&at(sendq, position)->next, by);
        lower(&at(sendq, position)->prev, by);
    }
    lower(&sendq->in_flight.first, by);
    lower(&sendq->in_flight.last, by);
    lower(&sendq->lost.first, by);
    lower(&sendq->lost.last, by);
    sendq->head -= by;
    sendq->next -= by;
    sendq->tail -= by;
}

void sendq_drop_head(struct tcp_sendq *sendq, const struct tcp_sendq_room *room)
{
    struct tcp_record *record = at(sendq, sendq->head);

    detach(sendq, record);
    sendq->bytes -= record->length;
    drop_frame(record, room);
    sendq->head++;
}

void sendq_trim(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t una)
{
    assert(!sendq_acknowledged(sendq, una));
    if (sendq->head != sendq->next && seq_lt(at(sendq, sendq->head)->seq, una)) {
        cut_head(sendq, room, una);
    }
    if (sendq->head >= rebase_at) {
        rebase(sendq);
    }
    if (sendq->mask >= TCP_SENDQ_INLINE && 8 * sendq_count(sendq) <= sendq->mask + 1) {
        shrink(sendq, room);
    }
}

uint32_t sendq_find(const struct tcp_sendq *sendq, uint32_t seq)
{
    uint32_t low = 0;
    uint32_t high = sendq_count(sendq);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (seq_gt(tcp_record_end(sendq_at(sendq, sendq->head + middle)), seq)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return sendq->head + low;
}

/* `next` of a SACKed record is a place at or before the first one that is not
 * SACKed; following it and writing back what was found keeps later walks short
 * (path halving, as in a union-find). */
uint32_t sendq_skip_sacked(struct tcp_sendq *sendq, uint32_t position)
{
    while (position != sendq->next) {
        struct tcp_record *record = at(sendq, position);
        struct tcp_record *skipped;

        if (!(record->flags & TCP_RECORD_SACKED)) {
            return position;
        }
        if (record->next == sendq->next) {
            return sendq->next;
        }
        skipped = at(sendq, record->next);
        if (skipped->flags & TCP_RECORD_SACKED) {
            record->next = skipped->next;
        }
        position = record->next;
    }
    return position;
}

void sendq_mark_sacked(struct tcp_sendq *sendq, uint32_t position)
{
    struct tcp_record *record = sendq_at(sendq, position);

    assert(record->flags & TCP_RECORD_SENT && !(record->flags & TCP_RECORD_SACKED));
    detach(sendq, record);
    record->flags = (uint8_t)((record->flags & ~TCP_RECORD_LOST) | TCP_RECORD_SACKED);
    record->next = position + 1;
    record->prev = TCP_POSITION_NONE;
    sendq->sacked_bytes += record->length;
    sendq->sacked_count++;
    /* It is a run of its own, makes one longer, or joins two. */
    sendq->sacked_runs += 1u - sendq_is_sacked(sendq, position - 1);
    sendq->sacked_runs -= sendq_is_sacked(sendq, position + 1);
}

void sendq_mark_lost(struct tcp_sendq *sendq, uint32_t position)
{
    struct tcp_record *record = sendq_at(sendq, position);

    assert(record->flags & TCP_RECORD_SENT);
    assert(!(record->flags & (TCP_RECORD_SACKED | TCP_RECORD_LOST)));
    detach(sendq, record);
    record->flags |= TCP_RECORD_LOST;
    list_append(sendq, &sendq->lost, position);
    sendq->lost_bytes += record->length;
}

void sendq_mark_all_lost(struct tcp_sendq *sendq, bool forget_sacks)
{
    sendq->in_flight = empty_list;
    sendq->lost = empty_list;
    sendq->in_flight_bytes = 0;
    sendq->lost_bytes = 0;
    for (uint32_t position = sendq->head; position != sendq->next; position++) {
        struct tcp_record *record = at(sendq, position);

        if (record->flags & TCP_RECORD_SACKED) {
            if (!forget_sacks) {
                continue;
            }
            record->flags &= (uint8_t)~TCP_RECORD_SACKED;
            sendq->sacked_bytes -= record->length;
            sendq->sacked_count--;
        }
        record->flags |= TCP_RECORD_LOST;
        list_append(sendq, &sendq->lost, position);
        sendq->lost_bytes += record->length;
    }
    if (forget_sacks) {
        sendq->sacked_runs = 0;
    }
}

/* Before `before` of the list, or at its end. */
static void list_insert(struct tcp_sendq *sendq, struct tcp_record_list *list, uint32_t position,
                        uint32_t before)
{
    struct tcp_record *record = at(sendq, position);

    if (before == TCP_POSITION_NONE) {
        list_append(sendq, list, position);
        return;
    }
    record->next = before;
    record->prev = at(sendq, before)->prev;
    at(sendq, before)->prev = position;
    if (record->prev == TCP_POSITION_NONE) {
        list->first = position;
    } else {
        at(sendq, record->prev)->next = position;
    }
}

/* What was sent once is in order of time when it is in order of sequence: one walk merges it
 * with the time list. */
void sendq_unmark_lost(struct tcp_sendq *sendq)
{
    uint32_t before = sendq->in_flight.first;

    for (uint32_t position = sendq->head; position != sendq->next; position++) {
        struct tcp_record *record = at(sendq, position);

        if (!(record->flags & TCP_RECORD_LOST) || record->flags & TCP_RECORD_RETRANSMITTED) {
            continue;
        }
        list_remove(sendq, &sendq->lost, record);
        record->flags &= (uint8_t)~TCP_RECORD_LOST;
        sendq->lost_bytes -= record->length;
        sendq->in_flight_bytes += record->length;
        while (before != TCP_POSITION_NONE && at(sendq, before)->last_tx_ns < record->last_tx_ns) {
            before = at(sendq, before)->next;
        }
        list_insert(sendq, &sendq->in_flight, position, before);
    }
}
