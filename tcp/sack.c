#include "tcp/sack.h"

#include "tcp/islost.h"
#include "tcp/rack.h"
#include "tcp/seq.h"

/* Marks what one block reports. Walks only over records that change. */
static void mark_block(struct tcp_conn *conn, const struct tcp_sack_block *block,
                       struct tcp_ack_news *news)
{
    struct tcp_sendq *sendq = &conn->flight->sendq;
    bool rack = tcp_conn_policy(conn)->rack;
    uint32_t position = sendq_find(sendq, block->start);

    if (position != sendq->tail && seq_lt(sendq_at(sendq, position)->seq, block->start)) {
        position++; /* only whole segments are taken for received */
    }
    if ((int32_t)(position - sendq->next) >= 0) {
        return;
    }
    position = sendq_skip_sacked(sendq, position);
    while (position != sendq->next) {
        const struct tcp_record *record = sendq_at(sendq, position);

        if (seq_gt(tcp_record_end(record), block->end)) {
            break;
        }
        news->sacked += record->length;
        if (!(record->flags & TCP_RECORD_RETRANSMITTED)) {
            tcp_note_original(news, record);
        }
        tcp_rack_delivered(conn, record, news);
        if (tcp_conn_has(conn, TCP_CONN_RATED)) {
            rate_delivered(conn, record);
        }
        sendq_mark_sacked(sendq, position);
        if (!rack) {
            tcp_islost_sacked(conn, position);
        }
        position = sendq_skip_sacked(sendq, position);
    }
}

/* RFC 2883 section 4: the first block repeats what is acknowledged, or lies in
 * the second. */
static bool first_block_is_dsack(const struct tcp_segment *seg)
{
    const struct tcp_sack_block *first = &seg->sack[0];

    return seq_le(first->end, seg->ack) ||
           (seg->sack_count > 1 && seq_ge(first->start, seg->sack[1].start) &&
            seq_le(first->end, seg->sack[1].end));
}

void tcp_take_sacks(struct tcp_conn *conn, const struct tcp_segment *seg, struct tcp_ack_news *news)
{
    if (!tcp_conn_has(conn, TCP_CONN_SACK_OK) || seg->sack_count == 0) {
        return;
    }
    news->dsack = first_block_is_dsack(seg);
    news->dsack_block = seg->sack[0];
    for (unsigned i = news->dsack ? 1 : 0; i < seg->sack_count; i++) {
        const struct tcp_sack_block *block = &seg->sack[i];

        /* Never trusted beyond what was sent. */
        if (seq_lt(block->start, block->end) && seq_gt(block->start, seg->ack) &&
            seq_le(block->end, conn->snd.nxt)) {
            mark_block(conn, block, news);
        }
    }
}
