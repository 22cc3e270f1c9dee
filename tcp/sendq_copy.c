/* The rare operations of the send queue that copy payload. */
#include "datapath/net/checksum.h"
#include "tcp/limits.h"
#include "tcp/sendq.h"

#include <assert.h>
#include <string.h>

/* So many can move with each cut. */
static const uint32_t many_records = 64;

/* What is to be copied of a slice. */
struct part {
    uint16_t offset;
    uint16_t length;
};

/* Into a fresh frame behind header room. */
static bool copy_part(struct frame_pool *pool, enum frame_budget budget, const struct slice *from,
                      struct part part, struct slice *to)
{
    uint32_t frame = frame_take(pool, budget, FRAME_SENDQ);

    if (frame == FRAME_NONE) {
        return false;
    }
    *to = (struct slice){.frame = frame, .offset = TCP_PAYLOAD_OFFSET, .length = part.length};
    to->sum =
        checksum_copy(slice_data(pool, to), slice_data(pool, from) + part.offset, part.length);
    return true;
}

/* The oldest text, without which nothing of the queue is ever acknowledged. */
static bool is_first_text(const struct tcp_sendq *sendq, uint32_t position)
{
    return position == sendq->head ||
           (position == sendq->head + 1 && sendq_at(sendq, sendq->head)->flags & TCP_RECORD_SYN);
}

/* When send queues have all data frames, none of them comes back before something is
 * acknowledged: then the front of the oldest text goes in a frame that ACKs leave over, and its
 * tail stays where it is, if nobody else needs the bytes that its header is written over. */
static bool may_borrow(const struct frame_pool *pool, const struct tcp_sendq *sendq,
                       uint32_t position)
{
    const struct tcp_record *record = sendq_at(sendq, position);

    return is_first_text(sendq, position) &&
           frame_record(pool, record->slice.frame)->holders == FRAME_SENDQ &&
           pool->used[FRAME_BUDGET_CONTROL] < pool->floor[FRAME_BUDGET_CONTROL] / 2;
}

/* The two slices that the record's becomes, one of them in a frame of its own. */
static bool cut(struct frame_pool *pool, const struct tcp_sendq *sendq, uint32_t position,
                struct slice *front, struct slice *back)
{
    const struct slice whole = sendq_at(sendq, position)->slice;
    uint16_t length = front->length;
    struct part tail = {length, (uint16_t)(whole.length - length)};

    *front = whole;
    front->length = length;
    if (copy_part(pool, FRAME_BUDGET_DATA, &whole, tail, back)) {
        front->sum = checksum_sub(whole.sum, length & 1 ? checksum_swap(back->sum) : back->sum);
        return true;
    }
    if (!may_borrow(pool, sendq, position) ||
        !copy_part(pool, FRAME_BUDGET_CONTROL, &whole, (struct part){0, length}, front)) {
        return false;
    }
    *back = whole;
    back->offset = (uint16_t)(whole.offset + length);
    back->length = tail.length;
    back->sum = checksum_sub(whole.sum, front->sum);
    back->sum = length & 1 ? checksum_swap(back->sum) : back->sum;
    return true;
}

/* Which records give way to a new one: those behind `position` by one up, or it and those before
 * it by one down. */
struct gap {
    uint32_t position;
    bool down;
};

static void shift_link(uint32_t *link, const struct gap *gap)
{
    bool behind = (int32_t)(*link - gap->position) > 0;

    if (*link != TCP_POSITION_NONE && behind != gap->down) {
        *link += gap->down ? UINT32_MAX : 1;
    }
}

static void shift_links(struct tcp_sendq *sendq, const struct gap *gap)
{
    for (uint32_t each = sendq->head; each != sendq->next; each++) {
        struct tcp_record *record = &sendq->records[each & sendq->mask];

        shift_link(&record->next, gap);
        shift_link(&record->prev, gap);
    }
    shift_link(&sendq->in_flight.first, gap);
    shift_link(&sendq->in_flight.last, gap);
    shift_link(&sendq->lost.first, gap);
    shift_link(&sendq->lost.last, gap);
}

/* Makes room for one record after `position` and returns where the record there stands now. The
 * few move when there are many: a peer that opens its window byte by byte has one cut with each
 * ACK, of the first of thousands. */
static uint32_t open_gap(struct tcp_sendq *sendq, uint32_t position)
{
    uint32_t before = position - sendq->head + 1;
    uint32_t behind = sendq->tail - 1 - position;
    struct gap gap = {position, behind > many_records && before < behind && sendq->head > 0};

    if (gap.down) {
        for (uint32_t from = sendq->head; from != position + 1; from++) {
            sendq->records[(from - 1) & sendq->mask] = sendq->records[from & sendq->mask];
        }
        sendq->head--;
        sendq->next -= (int32_t)(sendq->next - position) <= 0;
    } else {
        for (uint32_t from = sendq->tail - 1; from != position; from--) {
            sendq->records[(from + 1) & sendq->mask] = sendq->records[from & sendq->mask];
        }
        sendq->tail++;
        sendq->next += (int32_t)(sendq->next - position) > 0;
    }
    shift_links(sendq, &gap);
    return gap.down ? position - 1 : position;
}

/* Puts the new record behind its front on the list that the front is on. */
static void link_behind(struct tcp_sendq *sendq, struct tcp_record_list *list, uint32_t position)
{
    struct tcp_record *front = &sendq->records[position & sendq->mask];
    struct tcp_record *back = &sendq->records[(position + 1) & sendq->mask];

    back->prev = position;
    back->next = front->next;
    front->next = position + 1;
    if (back->next == TCP_POSITION_NONE) {
        list->last = position + 1;
    } else {
        sendq->records[back->next & sendq->mask].prev = position + 1;
    }
}

bool sendq_split(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t position,
                 uint16_t length)
{
    struct tcp_record *front = sendq_at(sendq, position);
    struct tcp_record *back;
    struct slice first = {.length = length};
    struct slice rest;

    assert(length > 0 && length < front->slice.length);
    assert(!(front->flags & TCP_RECORD_SYN));
    if (!cut(room->pool, sendq, position, &first, &rest)) {
        return false;
    }
    /* Asking for a record makes room in the ring; it may move the ring. */
    if (!sendq_append(sendq, room, TCP_SENDQ_CUT)) {
        bool borrowed = first.frame != sendq_at(sendq, position)->slice.frame;

        frame_drop(room->pool, borrowed ? first.frame : rest.frame, FRAME_SENDQ);
        return false;
    }
    position = open_gap(sendq, position);
    front = sendq_at(sendq, position);
    back = sendq_at(sendq, position + 1);
    *back = *front;
    back->slice = rest;
    back->seq = front->seq + length;
    front->flags &= (uint8_t)~TCP_RECORD_FIN;
    front->slice = first;
    back->length -= length;
    front->length = length;
    if (front->flags & TCP_RECORD_SACKED) {
        front->next = position + 1;
        sendq->sacked_count++;
    } else if (front->flags & TCP_RECORD_LOST) {
        link_behind(sendq, &sendq->lost, position);
    } else if (front->flags & TCP_RECORD_SENT) {
        link_behind(sendq, &sendq->in_flight, position);
    }
    return true;
}

/* Bytes off the front of a record, behind those of `to`. */
static void move_front(struct frame_pool *pool, struct tcp_record *from, uint16_t length,
                       struct slice *to)
{
    struct slice front = slice_take_front(pool, &from->slice, length);

    memcpy(slice_data(pool, to) + to->length, slice_data(pool, &front), length);
    to->sum = checksum_add(to->sum, to->length & 1 ? checksum_swap(front.sum) : front.sum);
    to->length = (uint16_t)(to->length + length);
    from->seq += length;
    from->length -= length;
}

bool sendq_join(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t position,
                uint16_t length)
{
    struct tcp_record *first = sendq_at(sendq, position);
    struct slice joined = {.offset = TCP_PAYLOAD_OFFSET};
    uint32_t seq = first->seq;
    uint32_t from = position;

    assert(!(first->flags & TCP_RECORD_SENT) && first->slice.length < length);
    joined.frame = frame_take(room->pool, FRAME_BUDGET_DATA, FRAME_SENDQ);
    if (joined.frame == FRAME_NONE) {
        return false;
    }
    while (joined.length < length) {
        struct tcp_record *record = sendq_at(sendq, from);
        uint16_t rest = (uint16_t)(length - joined.length);

        if (rest < record->slice.length) {
            move_front(room->pool, record, rest, &joined);
            break;
        }
        assert(record->flags == 0);
        move_front(room->pool, record, record->slice.length, &joined);
        frame_drop(room->pool, record->slice.frame, FRAME_SENDQ);
        from++;
    }
    first->slice = joined;
    first->seq = seq;
    first->length = length;
    /* What is left moves down: it was never sent, so nothing points to it. */
    for (position++; from != sendq->tail; position++, from++) {
        *sendq_at(sendq, position) = *sendq_at(sendq, from);
    }
    sendq->tail = position;
    return true;
}

bool sendq_copy_frame(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t position)
{
    struct tcp_record *record = sendq_at(sendq, position);
    struct slice copy;

    if (!copy_part(room->pool, FRAME_BUDGET_DATA, &record->slice,
                   (struct part){0, record->slice.length}, &copy)) {
        return false;
    }
    frame_drop(room->pool, record->slice.frame, FRAME_SENDQ);
    record->slice = copy;
    return true;
}

static bool check_record(const struct tcp_sendq *sendq, const struct frame_pool *pool,
                         uint32_t position)
{
    const struct tcp_record *record = sendq_at(sendq, position);
    bool sent = (record->flags & TCP_RECORD_SENT) != 0;
    uint32_t length = (uint32_t)record->slice.length + ((record->flags & TCP_RECORD_SYN) != 0) +
                      ((record->flags & TCP_RECORD_FIN) != 0);

    if (sent != ((int32_t)(position - sendq->next) < 0) || record->length != length) {
        return false;
    }
    if (position != sendq->head && tcp_record_end(sendq_at(sendq, position - 1)) != record->seq) {
        return false;
    }
    return record->slice.frame == FRAME_NONE ||
           frame_is_held_by(pool, record->slice.frame, FRAME_SENDQ);
}

static uint32_t list_bytes(const struct tcp_sendq *sendq, const struct tcp_record_list *list)
{
    uint32_t bytes = 0;

    for (uint32_t position = list->first; position != TCP_POSITION_NONE;
         position = sendq_at(sendq, position)->next) {
        bytes += sendq_at(sendq, position)->length;
    }
    return bytes;
}

bool sendq_check(const struct tcp_sendq *sendq, const struct frame_pool *pool)
{
    uint32_t bytes = 0;
    uint32_t sacked_bytes = 0;
    uint32_t sent_bytes = 0;
    uint32_t sacked_runs = 0;

    for (uint32_t position = sendq->head; position != sendq->tail; position++) {
        const struct tcp_record *record = sendq_at(sendq, position);
        uint32_t length = record->length;

        if (!check_record(sendq, pool, position)) {
            return false;
        }
        bytes += length;
        sacked_bytes += record->flags & TCP_RECORD_SACKED ? length : 0;
        sacked_runs += sendq_is_sacked(sendq, position) && !sendq_is_sacked(sendq, position - 1);
        sent_bytes += record->flags & TCP_RECORD_SENT ? length : 0;
    }
    return bytes == sendq->bytes && sacked_bytes == sendq->sacked_bytes &&
           sacked_runs == sendq->sacked_runs &&
           sent_bytes == sacked_bytes + sendq->lost_bytes + sendq->in_flight_bytes &&
           list_bytes(sendq, &sendq->in_flight) == sendq->in_flight_bytes &&
           list_bytes(sendq, &sendq->lost) == sendq->lost_bytes;
}
