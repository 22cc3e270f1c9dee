/* The three doors of sending: a copy, a place to write, received slices. */
#include "datapath/net/checksum.h"
#include "tcp/user.h"
#include "tcp/window.h"

static int may_send(const struct tcp_conn *conn)
{
    return tcp_state_may_send((enum tcp_state)conn->state) &&
                   !tcp_conn_has(conn, TCP_CONN_FIN_QUEUED | TCP_CONN_FIN_OWED)
               ? TCP_OK
               : TCP_ERR_STATE;
}

/* Refused: on_writable follows when there is room. What the send buffer refuses
 * an ACK will let in; frames are given back by others, so somebody has to look. */
static int refuse(struct tcp_conn *conn, int error)
{
    conn->flags |= TCP_CONN_WANTS_WRITE;
    if (error == TCP_ERR_NO_MEMORY) {
        tcp_recheck_frames(conn, TCP_CONN_STARVED);
    }
    return error;
}

/* Bytes that may be queued. What is unacknowledged fills a window, and what is to follow
 * another: twice the congestion window, where that is more than was asked for and frames are
 * not short (Linux: tcp_sndbuf_expand). */
uint32_t tcp_send_limit(const struct tcp_conn *conn)
{
    uint32_t most = tcp_conn_policy(conn)->send_buffer_max;

    if (conn->cwnd <= conn->send_buffer / 2 ||
        frame_pool_pressure(conn->tcp->pool) != FRAME_NORMAL) {
        return conn->send_buffer;
    }
    return max_u32(conn->send_buffer, min_u32(2 * conn->cwnd, most));
}

/* Frames that a connection's queue may have. Text alone tells nothing of them: a peer that asks for
 * small segments, or requests one by one, makes a frame of a few bytes, and a few of those
 * connections would have all of the worker's. */
static uint32_t record_limit(const struct tcp_conn *conn)
{
    const struct frame_pool *pool = conn->tcp->pool;
    uint32_t most;

    if (frame_pool_pressure(pool) == FRAME_NORMAL) {
        most = min_u32(tcp_send_limit(conn) >> (pool->chunk_shift - TCP_SENDQ_OVERHEAD_SHIFT),
                       frame_pool_data_free(pool) >> TCP_SENDQ_LEFT_SHIFT);
    } else {
        most = min_u32(pool->count >> TCP_SENDQ_SHARE_SHIFT,
                       frame_pool_data_uncritical(pool) >> TCP_SENDQ_SCARCE_SHIFT);
    }
    return max_u32(most, TCP_SENDQ_SHARE_MIN);
}

/* Its own ACKs bring it below that. */
static bool has_its_share(const struct tcp_conn *conn)
{
    uint32_t count = conn->flight ? sendq_count(&conn->flight->sendq) : 0;

    return count >= TCP_SENDQ_SHARE_MIN && count >= record_limit(conn);
}

/* A third of it free, as in Linux (sk_stream_is_writeable): a writer is not woken for each
 * segment, and what is queued still fills a window until it writes. */
bool tcp_send_has_room(const struct tcp_conn *conn)
{
    uint32_t count = conn->flight ? sendq_count(&conn->flight->sendq) : 0;
    uint32_t limit = tcp_send_limit(conn);

    if (tcp_conn_queued(conn) > limit - limit / 3) {
        return false;
    }
    if (count < TCP_SENDQ_SHARE_MIN / 2) {
        return true;
    }
    limit = record_limit(conn);
    return count <= limit - limit / 3;
}

/* What was set is looked at first: only a writer ahead of it asks how far it follows the window. */
static bool queue_is_full(const struct tcp_conn *conn)
{
    uint32_t queued = tcp_conn_queued(conn);

    return (queued >= conn->send_buffer && queued >= tcp_send_limit(conn)) || has_its_share(conn);
}

/* Segments are filled to the MSS of this moment. Before the handshake it is a
 * guess; a record that turns out too long is split. */
static uint32_t segment_bytes(const struct tcp_conn *conn)
{
    return min_u32(conn->snd.mss, frame_chunk_bytes(conn->tcp->pool) - TCP_PAYLOAD_OFFSET);
}

/* Room behind the last segment, when it was never sent and its frame is its
 * alone. */
static uint32_t tail_room(const struct tcp_conn *conn, const struct tcp_record *record)
{
    const struct frame_pool *pool = conn->tcp->pool;
    uint32_t mss = segment_bytes(conn);
    uint32_t end = (uint32_t)record->slice.offset + record->slice.length;

    if (record->slice.frame == FRAME_NONE || record->slice.length >= mss ||
        frame_record(pool, record->slice.frame)->holders != FRAME_SENDQ) {
        return 0;
    }
    return min_u32(mss - record->slice.length, frame_chunk_bytes(pool) - end);
}

static void append_bytes(struct tcp_conn *conn, struct tcp_record *record, const uint8_t *data,
                         uint16_t length)
{
    struct slice *slice = &record->slice;
    uint8_t *to = slice_data(conn->tcp->pool, slice) + slice->length;
    uint16_t sum = checksum_copy(to, data, length);

    slice->sum = checksum_add(slice->sum, slice->length & 1 ? checksum_swap(sum) : sum);
    slice->length = (uint16_t)(slice->length + length);
    frame_record(conn->tcp->pool, slice->frame)->fill_end =
        (uint16_t)(slice->offset + slice->length);
    sendq_grew(&conn->flight->sendq, record, length);
}

static uint32_t fill_tail(struct tcp_conn *conn, const uint8_t *data, uint32_t length)
{
    struct tcp_record *tail = conn->flight ? sendq_open_tail(&conn->flight->sendq) : NULL;
    uint32_t room = tail ? min_u32(tail_room(conn, tail), length) : 0;

    if (room > 0) {
        append_bytes(conn, tail, data, (uint16_t)room);
    }
    return room;
}

/* A record for a slice whose frame has FRAME_SENDQ already. */
static bool queue_slice(struct tcp_conn *conn, const struct slice *slice)
{
    struct tcp_sendq_room room = {conn->tcp->pool, &conn->tcp->blocks};
    struct tcp_flight *flight = tcp_conn_flight(conn);
    struct tcp_record *record = flight ? sendq_append(&flight->sendq, &room, TCP_SENDQ_TEXT) : NULL;

    if (!record) {
        tcp_conn_rest(conn);
        return false;
    }
    record->seq = conn->snd.una + flight->sendq.bytes;
    record->slice = *slice;
    sendq_appended(&flight->sendq, slice->length);
    return true;
}

static bool queue_copy(struct tcp_conn *conn, const uint8_t *data, uint16_t length)
{
    struct frame_pool *pool = conn->tcp->pool;
    struct slice slice = {.offset = TCP_PAYLOAD_OFFSET, .length = length};

    slice.frame = frame_take(pool, FRAME_BUDGET_DATA, FRAME_SENDQ);
    if (slice.frame == FRAME_NONE) {
        return false;
    }
    slice.sum = checksum_copy(slice_data(pool, &slice), data, length);
    if (!queue_slice(conn, &slice)) {
        frame_drop(pool, slice.frame, FRAME_SENDQ);
        return false;
    }
    return true;
}

/* Copies as much as memory allows: the frames beyond the critical level are for
 * splits among others, without which what is queued might never be sent. */
static uint32_t send_copy(struct tcp_conn *conn, const uint8_t *data, uint32_t length)
{
    uint32_t done = fill_tail(conn, data, length);

    while (done < length && frame_pool_pressure(conn->tcp->pool) != FRAME_CRITICAL &&
           !has_its_share(conn)) {
        uint32_t step = min_u32(length - done, segment_bytes(conn));

        if (!queue_copy(conn, data + done, (uint16_t)step)) {
            break;
        }
        done += step;
    }
    return done;
}

int32_t tcp_send(struct tcp_conn *conn, const void *data, uint32_t length)
{
    uint32_t queued = tcp_conn_queued(conn);
    uint32_t limit = tcp_send_limit(conn);
    uint32_t done;

    if (may_send(conn) != TCP_OK) {
        return TCP_ERR_STATE;
    }
    if (length == 0) {
        return 0;
    }
    if (queued >= limit) {
        return refuse(conn, TCP_ERR_AGAIN);
    }
    if (frame_pool_pressure(conn->tcp->pool) == FRAME_CRITICAL) {
        return refuse(conn, TCP_ERR_NO_MEMORY);
    }
    done = send_copy(conn, data, min_u32(length, limit - queued));
    if (done < length) {
        conn->flags |= TCP_CONN_WANTS_WRITE;
    }
    if (done == 0) {
        return refuse(conn, has_its_share(conn) ? TCP_ERR_AGAIN : TCP_ERR_NO_MEMORY);
    }
    tcp_conn_want_output(conn);
    return (int32_t)done;
}

/* A header may be written before the slice when nobody else needs the frame:
 * only the giver holds it, and once. The worker's own hold, until the end of the
 * burst, is nobody's need: headers are written after the application's turn. */
static bool may_send_in_place(const struct frame_pool *pool, const struct slice *slice,
                              enum frame_holder from)
{
    const struct frame *record = frame_record(pool, slice->frame);

    if (slice->offset < TCP_PAYLOAD_OFFSET) {
        return false;
    }
    switch (record->holders & ~FRAME_WORKER) {
    case 0:
        return true;
    case FRAME_APP:
        return from == FRAME_APP && record->app_count == 1;
    case FRAME_REASSEMBLY: /* out of a queue, with the hold of its last piece */
        return !(record->holders & FRAME_WORKER) && record->reassembly_count == 1;
    default:
        return false;
    }
}

/* A slice longer than a segment is one record all the same: it is split, and
 * only the overhang copied, when it is sent. */
static bool send_in_place(struct tcp_conn *conn, const struct slice *slice)
{
    struct frame_pool *pool = conn->tcp->pool;

    if (!frame_keep(pool, slice->frame)) {
        return false;
    }
    frame_hold(pool, slice->frame, FRAME_SENDQ);
    if (!queue_slice(conn, slice)) {
        frame_drop(pool, slice->frame, FRAME_SENDQ);
        return false;
    }
    return true;
}

/* A small payload has room behind the last segment: then it does not hold a
 * frame of its own. */
static bool fits_tail(const struct tcp_conn *conn, uint32_t length)
{
    const struct tcp_record *tail = conn->flight ? sendq_open_tail(&conn->flight->sendq) : NULL;

    return tail && slice_is_small(conn->tcp->pool, length) && tail_room(conn, tail) >= length;
}

/* Small bytes go behind the last segment when they fit there whole; what may be
 * sent in place is; the rest is copied into a frame of its own. */
static bool send_slice(struct tcp_conn *conn, const struct slice *slice, enum frame_holder from)
{
    struct frame_pool *pool = conn->tcp->pool;
    const uint8_t *bytes = slice_data(pool, slice);

    if (slice->length == 0) {
        return true; /* a segment of nothing would never go, nor what follows it */
    }
    if (fits_tail(conn, slice->length)) {
        append_bytes(conn, sendq_open_tail(&conn->flight->sendq), bytes, slice->length);
        return true;
    }
    if (may_send_in_place(pool, slice, from)) {
        return send_in_place(conn, slice);
    }
    return queue_copy(conn, bytes, slice->length);
}

/* What has just come in would be one frame more behind what the peer does not take. What was
 * retained has its frame, and with an empty queue a reader that lives gives it back. */
static bool adds_to_shortage(const struct tcp_conn *conn, enum frame_holder from)
{
    return from == FRAME_WORKER && tcp_conn_queued(conn) > 0 &&
           frame_pool_pressure(conn->tcp->pool) == FRAME_CRITICAL;
}

int tcp_send_slice(struct tcp_conn *conn, const struct slice *slice, enum frame_holder from)
{
    if (may_send(conn) != TCP_OK) {
        return TCP_ERR_STATE;
    }
    if (queue_is_full(conn) || adds_to_shortage(conn, from)) {
        return refuse(conn, TCP_ERR_AGAIN);
    }
    if (!send_slice(conn, slice, from)) {
        return refuse(conn, TCP_ERR_NO_MEMORY);
    }
    if (from == FRAME_APP) {
        frame_drop(conn->tcp->pool, slice->frame, FRAME_APP);
    }
    tcp_conn_want_output(conn);
    return TCP_OK;
}

uint8_t *tcp_reserve(struct tcp_conn *conn, uint32_t *room)
{
    struct frame_pool *pool = conn->tcp->pool;
    uint32_t frame;

    if (may_send(conn) != TCP_OK) {
        return NULL;
    }
    if (queue_is_full(conn)) {
        (void)refuse(conn, TCP_ERR_AGAIN);
        return NULL;
    }
    frame = frame_pool_pressure(pool) == FRAME_CRITICAL
                ? FRAME_NONE
                : frame_take(pool, FRAME_BUDGET_DATA, FRAME_APP);
    if (frame == FRAME_NONE) {
        (void)refuse(conn, TCP_ERR_NO_MEMORY);
        return NULL;
    }
    *room = segment_bytes(conn);
    return frame_data(pool, frame) + TCP_PAYLOAD_OFFSET;
}

int tcp_commit(struct tcp_conn *conn, uint8_t *place, uint32_t length)
{
    struct frame_pool *pool = conn->tcp->pool;
    struct slice slice = {
        .frame = (uint32_t)((size_t)(place - pool->base) >> pool->chunk_shift),
        .offset = TCP_PAYLOAD_OFFSET,
        .length = (uint16_t)length,
    };
    int error = may_send(conn);

    /* The segment may have become shorter since: then the record is split. */
    if (length > frame_chunk_bytes(pool) - TCP_PAYLOAD_OFFSET) {
        error = TCP_ERR_ARGUMENT;
    }
    if (error == TCP_OK && length > 0 && fits_tail(conn, length)) {
        append_bytes(conn, sendq_open_tail(&conn->flight->sendq), place, (uint16_t)length);
        tcp_conn_want_output(conn);
    } else if (error == TCP_OK && length > 0) {
        slice.sum = checksum_sum(place, length);
        frame_hold(pool, slice.frame, FRAME_SENDQ);
        if (queue_slice(conn, &slice)) {
            tcp_conn_want_output(conn);
        } else {
            frame_drop(pool, slice.frame, FRAME_SENDQ);
            error = refuse(conn, TCP_ERR_NO_MEMORY);
        }
    }
    frame_drop(pool, slice.frame, FRAME_APP);
    return error;
}
