/*
 * The send queue: a growable power-of-two ring of segment records, in sequence
 * order and without a gap from SND.UNA to the last byte queued.
 *
 * A record is one segment: at most one slice, the times of its transmission and
 * where it stands in recovery. Positions are free-running numbers, good until the
 * next acknowledgement or split: `head` is the oldest unacknowledged, `next` the
 * first never sent, `tail` one past the last. A record that was sent is in one of
 * three places:
 *
 *   in flight   on the time list, in order of last transmission (RACK)
 *   lost        on the lost list, in the order in which it was marked
 *   SACKed      on no list; its `next` skips over SACKed neighbours
 *
 * so that no step of recovery walks over what it does not change.
 *
 * Owner: the connection, through its flight. A record holds its frame with
 * FRAME_SENDQ; a frame belongs to at most one record. Memory: the first few
 * records stand in the flight, more come from the blocks of the worker, less than eight
 * places for each record behind an acknowledgement: what bounds the frames of a connection
 * bounds the blocks that it has.
 */
#ifndef HEADRACE_TCP_SENDQ_H
#define HEADRACE_TCP_SENDQ_H

#include "tcp/record.h"
#include "tcp/seq.h"

#include <stdbool.h>
#include <stdint.h>

#define TCP_SENDQ_INLINE 4u

/* A doubly linked list of positions. */
struct tcp_record_list {
    uint32_t first;
    uint32_t last;
};

struct tcp_sendq {
    struct tcp_record *records;
    uint32_t mask; /* capacity - 1 */
    uint32_t head;
    uint32_t next;
    uint32_t tail;
    struct tcp_record_list in_flight;
    struct tcp_record_list lost;
    uint32_t bytes;           /* sequence space queued, SYN and FIN included */
    uint32_t in_flight_bytes; /* sent, not SACKed, not marked lost: the pipe of RFC 6675 */
    uint32_t sacked_bytes;
    uint32_t lost_bytes;
    uint32_t sacked_count; /* records, for the DupThresh of RFC 8985 */
    uint32_t sacked_runs;  /* of them side by side: the sequences of RFC 6675 */
    struct tcp_record inline_records[TCP_SENDQ_INLINE];
};

struct tcp_blocks;

/* What a record is asked for, as the places that it leaves for those after it. A ring that text
 * has filled could be cut no more, where a probe of a window, its edge or a smaller MTU needs it:
 * what is queued would never go. */
enum tcp_sendq_use {
    TCP_SENDQ_CUT = 0,
    TCP_SENDQ_FIN = 1,
    TCP_SENDQ_TEXT = 2,
};

/* What a queue needs of its worker. */
struct tcp_sendq_room {
    struct frame_pool *pool;
    struct tcp_blocks *blocks;
};

void sendq_init(struct tcp_sendq *sendq);

/* Drops every record and its frame, gives the memory back. */
void sendq_clear(struct tcp_sendq *sendq, const struct tcp_sendq_room *room);
/* The end of an empty queue: gives its memory back. */
void sendq_release(struct tcp_sendq *sendq, const struct tcp_sendq_room *room);

static inline struct tcp_record *sendq_at(const struct tcp_sendq *sendq, uint32_t position)
{
    assert(position - sendq->head < sendq->tail - sendq->head);
    return &sendq->records[position & sendq->mask];
}

static inline uint32_t sendq_count(const struct tcp_sendq *sendq)
{
    return sendq->tail - sendq->head;
}

static inline bool sendq_is_empty(const struct tcp_sendq *sendq)
{
    return sendq->tail == sendq->head;
}

static inline bool sendq_has_unsent(const struct tcp_sendq *sendq)
{
    return sendq->next != sendq->tail;
}

/* A new record behind the last; the caller fills slice, seq and flags, then
 * says sendq_appended() with its length. NULL when there is no memory or the limit is
 * reached. */
struct tcp_record *sendq_append(struct tcp_sendq *sendq, const struct tcp_sendq_room *room,
                                enum tcp_sendq_use use);
void sendq_appended(struct tcp_sendq *sendq, uint32_t length);

/* A record that was never sent grows by text or a FIN, or loses its FIN. */
static inline void sendq_grew(struct tcp_sendq *sendq, struct tcp_record *record, uint32_t by)
{
    record->length += by;
    sendq->bytes += by;
}

static inline void sendq_shrank(struct tcp_sendq *sendq, struct tcp_record *record, uint32_t by)
{
    record->length -= by;
    sendq->bytes -= by;
}

/* The last record when it was never sent and may still grow, else NULL. */
struct tcp_record *sendq_open_tail(const struct tcp_sendq *sendq);

/* The record was handed to the port: to the end of the time list. For the
 * first transmission its position must be `next`. */
void sendq_transmitted(struct tcp_sendq *sendq, uint32_t position, uint64_t now_ns);

/* That of position `next`, for the first time. */
void sendq_transmitted_next(struct tcp_sendq *sendq, uint64_t now_ns);

/* The oldest record when it was sent and lies before `una` whole, else NULL. */
static inline const struct tcp_record *sendq_acknowledged(const struct tcp_sendq *sendq,
                                                          uint32_t una)
{
    const struct tcp_record *record = &sendq->records[sendq->head & sendq->mask];

    return sendq->head != sendq->next && seq_le(tcp_record_end(record), una) ? record : NULL;
}

/* Drops that record and its frame. */
void sendq_drop_head(struct tcp_sendq *sendq, const struct tcp_sendq_room *room);

/* Everything before `una` is acknowledged, and of the records that lie there whole none is
 * left: takes off the front of the one that it cuts. */
void sendq_trim(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t una);

/* The position of the first record whose end is after `seq`, or `tail`. */
uint32_t sendq_find(const struct tcp_sendq *sendq, uint32_t seq);

static inline bool sendq_is_sacked(const struct tcp_sendq *sendq, uint32_t position)
{
    return position - sendq->head < sendq->next - sendq->head &&
           (sendq->records[position & sendq->mask].flags & TCP_RECORD_SACKED) != 0;
}

/* The first position at or after `position`, below `next`, that is not SACKed. */
uint32_t sendq_skip_sacked(struct tcp_sendq *sendq, uint32_t position);

void sendq_mark_sacked(struct tcp_sendq *sendq, uint32_t position);
void sendq_mark_lost(struct tcp_sendq *sendq, uint32_t position);

/* RFC 6298 and RFC 8985 section 6.3: everything in flight is taken for lost,
 * in sequence order. With `forget_sacks` SACKed records too (reneging). */
void sendq_mark_all_lost(struct tcp_sendq *sendq, bool forget_sacks);

/* What was marked lost but not sent again is in flight after all. */
void sendq_unmark_lost(struct tcp_sendq *sendq);

/* Cuts the record so that its first `length` bytes stay and the tail, copied
 * into a fresh frame, becomes a record of its own. Without a data frame the oldest text is cut
 * with one of the control budget, into which its front goes. False when there is no memory.
 * Positions before it may be one less from then on, its own too. Rare: a probe, a window's edge, a
 * smaller MTU. */
bool sendq_split(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t position,
                 uint16_t length);

/* The opposite for what was never sent: the record, shorter than `length`, takes as much from
 * those behind it, which have more, into a fresh frame. None of them but the last has a FIN.
 * False when there is no memory. Rare: a probe of the path's MTU. */
bool sendq_join(struct tcp_sendq *sendq, const struct tcp_sendq_room *room, uint32_t position,
                uint16_t length);

/* Replaces the record's frame, which the kernel still holds, by a copy. */
bool sendq_copy_frame(struct tcp_sendq *sendq, const struct tcp_sendq_room *room,
                      uint32_t position);

/* Walks everything; for tests and the simulator. */
bool sendq_check(const struct tcp_sendq *sendq, const struct frame_pool *pool);

#endif
