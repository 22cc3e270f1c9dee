#include "tcp/rate.h"

#include "tcp/cc.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/tcp.h"

#include <string.h>

struct tcp_rate *rate_of(const struct tcp_conn *conn)
{
    return &conn->tcp->rates[conn->index];
}

/* What went before this tells of counts that are not these. */
static void begin(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);
    struct tcp_sendq *sendq = conn->flight ? &conn->flight->sendq : NULL;

    *rate = (struct tcp_rate){.starved_ns = UINT64_MAX, .limit_ns = conn->tcp->now_ns};
    for (uint32_t at = sendq ? sendq->head : 0; sendq && at != sendq->next; at++) {
        sendq_at(sendq, at)->stamped = false;
    }
    conn->flags |= TCP_CONN_RATED;
}

void rate_follow(struct tcp_conn *conn)
{
    bool wanted = tcp_cc_has_model(conn->cc) || tcp_conn_policy(conn)->rates;

    if (wanted == tcp_conn_has(conn, TCP_CONN_RATED)) {
        return;
    }
    if (!wanted) {
        conn->flags &= ~(uint32_t)TCP_CONN_RATED;
        return;
    }
    begin(conn);
}

/* In units, rounded to the longer: a rate is rather told too low. */
static uint64_t units_since(uint64_t now_ns, uint64_t before_ns, uint64_t most)
{
    uint64_t units = (now_ns - before_ns + (1u << TCP_RECORD_TIME_SHIFT) - 1);

    return min_u64(units >> TCP_RECORD_TIME_SHIFT, most);
}

static void stamp(struct tcp_record *record, const struct tcp_rate *rate, uint32_t in_flight,
                  uint64_t now_ns)
{
    uint64_t in_flight_units = (in_flight + record->length) >> TCP_RECORD_BYTES_SHIFT;

    record->delivered = (uint32_t)rate->delivered;
    record->since_ack =
        (uint32_t)units_since(now_ns, rate->delivered_ns, TCP_RECORD_SINCE_ACK_MAX) &
        TCP_RECORD_SINCE_ACK_MAX;
    record->since_first = units_since(now_ns, rate->first_sent_ns, TCP_RECORD_SINCE_FIRST_MAX) &
                          TCP_RECORD_SINCE_FIRST_MAX;
    record->tx_in_flight = min_u64(in_flight_units, TCP_RECORD_BYTES_MAX) & TCP_RECORD_BYTES_MAX;
    record->lost_before = (rate->lost >> TCP_RECORD_BYTES_SHIFT) & TCP_RECORD_BYTES_MAX;
    record->app_limited = rate->app_limited != 0;
    record->stamped = true;
}

/* OnPacketSent() of the draft, with CheckIfApplicationLimited() for the time before. */
void rate_sent(struct tcp_conn *conn, struct tcp_record *record)
{
    struct tcp_rate *rate = rate_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;
    uint32_t in_flight = conn->flight->sendq.in_flight_bytes;

    if (record->flags & TCP_RECORD_SYN) {
        return; /* a byte of a round trip is no rate */
    }
    rate->text_out += record->slice.length > 0;
    if (record->flags & TCP_RECORD_SENT && !(record->flags & TCP_RECORD_LOST)) {
        in_flight -= record->length; /* a probe of what is in flight */
    }
    if (rate->starved_ns < now_ns) {
        rate_mark_app_limited(conn);
    }
    rate->starved_ns = UINT64_MAX;
    if (in_flight == 0) {
        rate->first_sent_ns = now_ns;
        rate->delivered_ns = now_ns;
        if (rate->app_limited != 0 && conn->cc->restart) {
            conn->cc->restart(conn);
        }
    }
    stamp(record, rate, in_flight, now_ns);
}

/* Of records of one ACK the newest gives the sample. */
static bool is_newest(const struct tcp_rate *rate, const struct tcp_record *record)
{
    return !rate->sample.has_data || record->last_tx_ns > rate->first_sent_ns ||
           (record->last_tx_ns == rate->first_sent_ns && seq_gt(record->seq, rate->newest_seq));
}

void rate_received(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);

    rate->text_in++;
    rate->text_in_ns = conn->tcp->now_ns;
}

/* UpdateRateSample(). An ACK that ends inside a record leaves what it cuts off uncounted. */
void rate_delivered(struct tcp_conn *conn, const struct tcp_record *record)
{
    struct tcp_rate *rate = rate_of(conn);
    struct tcp_rate_sample *sample = &rate->sample;
    uint64_t now_ns = conn->tcp->now_ns;
    uint64_t send_ns = (uint64_t)record->since_first << TCP_RECORD_TIME_SHIFT;
    uint64_t ack_ns = (uint64_t)record->since_ack << TCP_RECORD_TIME_SHIFT;

    rate->segments_delivered++;
    rate->delivered += record->length;
    rate->delivered_ns = now_ns;
    sample->newly_acked += record->length;
    if (!record->stamped || !is_newest(rate, record)) {
        return;
    }
    rate->first_sent_ns = record->last_tx_ns;
    rate->newest_seq = record->seq;
    sample->has_data = true;
    sample->prior_delivered =
        rate->delivered - (uint32_t)((uint32_t)rate->delivered - record->delivered);
    sample->interval_ns = max_u64(send_ns, now_ns - record->last_tx_ns + ack_ns);
    sample->rtt_ns =
        record->flags & TCP_RECORD_RETRANSMITTED ? UINT64_MAX : now_ns - record->last_tx_ns;
    sample->tx_in_flight = (uint32_t)record->tx_in_flight << TCP_RECORD_BYTES_SHIFT;
    sample->lost_before = (uint32_t)record->lost_before;
    sample->is_app_limited = record->app_limited;
    if (record->since_first == TCP_RECORD_SINCE_FIRST_MAX ||
        record->since_ack == TCP_RECORD_SINCE_ACK_MAX) {
        sample->interval_ns = 0; /* it was longer than could be noted */
    }
}

uint32_t rate_lost_since(const struct tcp_conn *conn, uint32_t lost_before)
{
    uint32_t now = rate_of(conn)->lost >> TCP_RECORD_BYTES_SHIFT;

    return ((now - lost_before) & TCP_RECORD_BYTES_MAX) << TCP_RECORD_BYTES_SHIFT;
}

void rate_lost(struct tcp_conn *conn, const struct tcp_record *record)
{
    struct tcp_rate *rate = rate_of(conn);

    rate->lost += record->length;
    rate->sample.newly_lost += record->length;
    if (conn->cc->each_loss) {
        conn->cc->each_loss(conn, record);
    }
}

void rate_all_lost(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);
    uint32_t bytes = conn->flight->sendq.in_flight_bytes;

    rate->lost += bytes;
    rate->sample.newly_lost += bytes;
}

/* GenerateRateSample(). The one division of an ACK. */
void rate_finish(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);
    struct tcp_rate_sample *sample = &rate->sample;

    if (rate->app_limited != 0 && rate->delivered > rate->app_limited) {
        rate->app_limited = 0; /* the bubble has gone through */
    }
    if (sample->has_data) {
        sample->delivered = (uint32_t)(rate->delivered - sample->prior_delivered);
        sample->lost = rate_lost_since(conn, sample->lost_before);
        if (sample->interval_ns > 0 && sample->interval_ns >= conn->rtt.min_rtt_ns) {
            sample->rate = ((uint64_t)sample->delivered << TCP_RATE_SHIFT) / sample->interval_ns;
        }
        if (sample->rate > 0 && (!sample->is_app_limited || sample->rate > rate->latest)) {
            rate->latest = sample->rate;
            rate->latest_app_limited = sample->is_app_limited;
        }
    }
    if (tcp_cc_has_model(conn->cc)) {
        conn->cc->each_ack(conn, sample);
    }
    memset(sample, 0, sizeof *sample);
}

/* Less than a segment is left to be sent, as in Linux: Nagle's algorithm may hold it. */
static bool has_nothing_to_send(const struct tcp_conn *conn)
{
    const struct tcp_sendq *sendq = &conn->flight->sendq;

    return sendq->lost.first == TCP_POSITION_NONE &&
           conn->snd.una + sendq->bytes - conn->snd.nxt < conn->snd.mss;
}

static enum rate_limit limit_of(const struct tcp_conn *conn, bool has_room)
{
    if (!conn->flight || sendq_is_empty(&conn->flight->sendq) || conn->snd.una == conn->snd.iss) {
        return RATE_IDLE; /* a handshake is no text */
    }
    if (!has_nothing_to_send(conn)) {
        return has_room && tcp_usable_window(conn) < conn->snd.mss ? RATE_WINDOW : RATE_BUSY;
    }
    return tcp_conn_has(conn, TCP_CONN_WANTS_WRITE) ? RATE_BUFFER : RATE_BUSY;
}

static void note_limit(struct tcp_rate *rate, enum rate_limit limit, uint64_t now_ns)
{
    rate->spent_ns[rate->limit] += now_ns - rate->limit_ns;
    rate->limit = (uint8_t)limit;
    rate->limit_ns = now_ns;
}

uint64_t rate_spent_ns(const struct tcp_conn *conn, enum rate_limit limit)
{
    const struct tcp_rate *rate = rate_of(conn);
    uint64_t running_ns = rate->limit == limit ? conn->tcp->now_ns - rate->limit_ns : 0;

    return rate->spent_ns[limit] + running_ns;
}

void rate_output_ends(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);
    uint64_t now_ns = conn->tcp->now_ns;
    bool has_room = !conn->flight || tcp_pipe(conn) + conn->snd.mss <= conn->cwnd;

    note_limit(rate, limit_of(conn, has_room), now_ns);
    if (conn->flight && !has_nothing_to_send(conn)) {
        rate->starved_ns = UINT64_MAX;
        rate->cwnd_limited |= !has_room;
    } else if (has_room && rate->starved_ns == UINT64_MAX) {
        rate->starved_ns =
            tcp_conn_has(conn, TCP_CONN_PACED) ? max_u64(now_ns, pacing_free_ns(conn)) : now_ns;
    }
}

void rate_mark_app_limited(struct tcp_conn *conn)
{
    struct tcp_rate *rate = rate_of(conn);
    uint32_t in_flight = conn->flight ? conn->flight->sendq.in_flight_bytes : 0;

    rate->app_limited = max_u64(rate->delivered + in_flight, 1);
}
