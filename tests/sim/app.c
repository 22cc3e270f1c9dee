#include "tests/sim/app.h"

#include "datapath/util.h"
#include "tests/sim/stream.h"

#include <string.h>

const char *const app_error_names[APP_ERROR_COUNT] = {
    [APP_OK] = "ok",
    [APP_WRONG_BYTE] = "a byte is wrong",
    [APP_TOO_MUCH] = "more arrived than was sent",
    [APP_EVENT_AFTER_CLOSE] = "an event after close",
    [APP_OPEN_TWICE] = "opened twice",
    [APP_EOF_TOO_EARLY] = "end of stream before its bytes",
};

uint32_t app_total(const struct app *app)
{
    return app->plan.echo ? app->received : app->plan.bytes;
}

static void fail(struct app *app, enum app_error error)
{
    if (app->error == APP_OK) {
        app->error = error;
    }
}

static void wake_within(struct app *app, uint64_t span_ns)
{
    uint64_t at_ns = app->conn->tcp->now_ns + 1 + random_below(&app->random, span_ns);

    app->wake_ns = min_u64(app->wake_ns, at_ns);
}

static void pause_reading(struct app *app, uint64_t span_ns)
{
    tcp_pause(app->conn);
    app->paused = true;
    wake_within(app, span_ns);
}

/* One send by one of the doors; 0 or less when it was refused. */
static int32_t send_some(struct app *app)
{
    uint8_t bytes[16384];
    uint32_t left = app->plan.bytes - app->sent;
    uint32_t chunk = 1 + (uint32_t)random_below(&app->random, app->plan.chunk_max);
    uint32_t length = min_u32(min_u32(left, chunk), sizeof bytes);
    uint32_t room;
    uint8_t *place;

    if (random_chance(&app->random, 700000)) {
        stream_fill(app->stream_key, app->sent, bytes, length);
        return tcp_send(app->conn, bytes, length);
    }
    place = tcp_reserve(app->conn, &room);
    if (!place) {
        return 0;
    }
    length = min_u32(length, room);
    stream_fill(app->stream_key, app->sent, place, length);
    return tcp_commit(app->conn, place, length) == TCP_OK ? (int32_t)length : 0;
}

static void close_at_once(struct app *app)
{
    app->left = true;
    app->left_ns = app->conn->tcp->now_ns;
    tcp_close(app->conn);
}

static void finish(struct app *app)
{
    if (app->shut || app->sent < app_total(app) || (app->plan.waits_for_eof && !app->eof) ||
        (app->plan.echo && !app->eof)) {
        return;
    }
    app->shut = true;
    if (app->plan.closes_at_once ||
        (app->eof && app->retained_count == 0 && random_chance(&app->random, 500000))) {
        close_at_once(app);
    } else {
        (void)tcp_shutdown(app->conn);
    }
}

static void pump(struct app *app)
{
    if (!app->conn || app->conn->state == TCP_CLOSED || app->shut) {
        return;
    }
    while (!app->plan.echo && app->sent < app->plan.bytes) {
        int32_t done = send_some(app);

        if (done <= 0) {
            return; /* on_writable follows */
        }
        app->sent += (uint32_t)done;
        if (random_chance(&app->random, app->plan.cork_ppm)) {
            app->corked = !app->corked;
            tcp_set_cork(app->conn, app->corked);
        }
        if (random_chance(&app->random, app->plan.gap_ppm)) {
            wake_within(app, app->plan.gap_ns);
            return;
        }
    }
    finish(app);
}

void app_begin(struct app *app, struct tcp_conn *conn)
{
    app->conn = conn;
    conn->app = app;
    app->wake_ns = min_u64(app->wake_ns, min_u64(app->plan.abort_ns, app->plan.close_ns));
    if (app->plan.early && !app->opened) {
        tcp_set_nodelay(conn, app->plan.nodelay);
        pump(app);
    }
}

/* Who a listener's connection is for. Nobody's when its peer has no such port, which only a
 * link that corrupts what sums don't notice could make. */
static struct app *find_app(const struct tcp_conn *conn)
{
    struct app *app = conn->app;
    uint32_t number;

    if (!app->accepted) {
        return app;
    }
    number = (uint32_t)(conn->tuple.remote_port - app->first_port);
    return number < app->accepted_count ? &app->accepted[2 * number] : app->stranger;
}

/* An old SYN that comes when all is over may be answered with the very number at which the peer, in
 * TIME-WAIT, stands: its ACK is then what the handshake waits for. */
static bool is_second_life(const struct app *app, const struct tcp_conn *conn)
{
    return app->opened &&
           (app->may_live_twice || (app->closed && conn->snd.iss + 1 == app->end_seq));
}

static void on_open(struct tcp_conn *conn)
{
    struct app *app = find_app(conn);

    if (app->is_stranger || is_second_life(app, conn)) {
        conn->app = app->is_stranger ? app : app->stranger;
        tcp_abort(conn);
        return;
    }
    if (app->opened) {
        fail(app, APP_OPEN_TWICE);
    }
    app->opened = true;
    app_begin(app, conn);
    tcp_set_nodelay(conn, app->plan.nodelay);
    if (app->plan.starts_paused) {
        pause_reading(app, app->plan.pause_ns);
    }
    pump(app);
}

static void check(struct app *app, const uint8_t *bytes, uint32_t length)
{
    const struct app *peer = app->peer;
    uint64_t key = peer->plan.echo ? app->stream_key : peer->stream_key;

    if (app->received + length > app_total(peer)) {
        fail(app, APP_TOO_MUCH);
        return;
    }
    if (!stream_matches(key, app->received, bytes, length)) {
        fail(app, APP_WRONG_BYTE);
    }
}

/* Sends back; what is refused is kept, and reading stops. */
static void echo(struct app *app, const struct slice *slice)
{
    struct slice kept;

    if (app->retained_count == 0 && tcp_send_slice(app->conn, slice, FRAME_WORKER) == TCP_OK) {
        app->sent += slice->length;
        return;
    }
    if (app->retained_count < APP_RETAINED_MAX && tcp_data_retain(app->conn, slice, &kept)) {
        app->retained[app->retained_count++] = kept;
    } else {
        fail(app, APP_TOO_MUCH);
    }
    tcp_pause(app->conn); /* on_writable follows */
    app->paused = true;
}

static void release_all(struct app *app)
{
    unsigned done = 0;

    while (done < app->retained_count) {
        const struct slice *slice = &app->retained[done];

        if (!app->plan.echo) {
            tcp_data_release(app->conn, slice);
        } else if (app->conn->state == TCP_CLOSED) {
            tcp_data_release_orphan(app->conn->tcp, slice);
        } else {
            uint16_t length = slice->length;

            if (tcp_send_slice(app->conn, slice, FRAME_APP) != TCP_OK) {
                break;
            }
            tcp_data_passed(app->conn, length);
            app->sent += length;
        }
        done++;
    }
    app->retained_count -= done;
    memmove(app->retained, app->retained + done, app->retained_count * sizeof *app->retained);
}

static void keep_or_pause(struct app *app, const struct slice *slice)
{
    struct slice kept;

    if (random_chance(&app->random, app->plan.retain_ppm) &&
        app->retained_count < APP_RETAINED_MAX && tcp_data_retain(app->conn, slice, &kept)) {
        app->retained[app->retained_count++] = kept;
        wake_within(app, app->plan.pause_ns);
    }
    if (random_chance(&app->random, app->plan.pause_ppm)) {
        pause_reading(app, app->plan.pause_ns);
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct app *app = conn->app;

    if (app->is_stranger) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        check(app, slice_data(conn->tcp->pool, &slices[i]), slices[i].length);
        app->received += slices[i].length;
        if (app->closed || app->left) {
            fail(app, APP_EVENT_AFTER_CLOSE);
        }
        if (app->plan.echo) {
            echo(app, &slices[i]);
        } else {
            keep_or_pause(app, &slices[i]);
        }
    }
    if (app->received >= app->plan.abort_at && !app->aborted) {
        app->aborted = true;
        tcp_abort(conn);
        return;
    }
    pump(app);
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    struct app *app = conn->app;

    app->acked += bytes;
    if (app->acked > app->sent) {
        fail(app, APP_TOO_MUCH);
    }
}

static void on_writable(struct tcp_conn *conn)
{
    struct app *app = conn->app;

    if (app->plan.echo) {
        app_wake(app, conn->tcp->now_ns);
    } else {
        pump(app);
    }
}

static void on_eof(struct tcp_conn *conn)
{
    struct app *app = conn->app;

    if (app->received != (app->peer->left ? app->peer->sent : app_total(app->peer))) {
        fail(app, APP_EOF_TOO_EARLY);
    }
    app->eof = true;
    pump(app);
}

static void on_close(struct tcp_conn *conn)
{
    struct app *app = conn->app;

    if (app->is_stranger) {
        return;
    }
    if (app->closed) {
        fail(app, APP_EVENT_AFTER_CLOSE);
    }
    app->closed = true;
    app->end_seq = conn->snd.nxt;
    app->reason = (enum tcp_reason)conn->reason;
    for (unsigned i = 0; i < app->retained_count; i++) {
        tcp_data_release_orphan(conn->tcp, &app->retained[i]);
    }
    app->retained_count = 0;
    app->wake_ns = UINT64_MAX;
    app->conn = NULL;
}

/* What an application does out of the blue. True when there is nothing left to do. */
static bool leave(struct app *app, uint64_t now_ns)
{
    if (app->plan.abort_ns <= now_ns) {
        app->plan.abort_ns = UINT64_MAX;
        app->aborted = true;
        tcp_abort(app->conn);
        return true;
    }
    if (app->plan.close_ns <= now_ns) {
        app->plan.close_ns = UINT64_MAX;
        app->shut = true;
        close_at_once(app);
        return true;
    }
    return false;
}

/* What waited goes on. */
static void go_on(struct app *app)
{
    release_all(app);
    if (app->plan.echo && app->retained_count > 0) {
        return; /* on_writable follows */
    }
    if (app->paused) {
        app->paused = false;
        tcp_resume(app->conn);
    }
    pump(app);
}

void app_wake(struct app *app, uint64_t now_ns)
{
    if (app->wake_ns <= now_ns) {
        app->wake_ns = UINT64_MAX;
    }
    if (!app->conn || app->conn->state == TCP_CLOSED) {
        return;
    }
    if (!leave(app, now_ns) && !app->left) {
        go_on(app);
    }
    if (app->conn) {
        app->wake_ns = min_u64(app->wake_ns, min_u64(app->plan.abort_ns, app->plan.close_ns));
    }
}

const struct tcp_events app_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .close = on_close,
};
