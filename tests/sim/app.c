#include "tests/sim/app.h"

#include "datapath/util.h"

#include <string.h>

const char *const app_error_names[APP_ERROR_COUNT] = {
    [APP_OK] = "ok",
    [APP_WRONG_BYTE] = "a byte is wrong",
    [APP_TOO_MUCH] = "more arrived than was sent",
    [APP_EVENT_AFTER_CLOSE] = "an event after close",
    [APP_OPEN_TWICE] = "opened twice",
    [APP_EOF_TOO_EARLY] = "end of stream before its bytes",
};

uint8_t app_byte(uint64_t key, uint32_t offset)
{
    uint64_t mixed = (key + offset / 8) * 0x9e3779b97f4a7c15ull;

    mixed ^= mixed >> 29;
    return (uint8_t)(mixed >> (offset % 8 * 8));
}

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

static void fill(const struct app *app, uint8_t *to, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        to[i] = app_byte(app->stream_key, app->sent + i);
    }
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
        fill(app, bytes, length);
        return tcp_send(app->conn, bytes, length);
    }
    place = tcp_reserve(app->conn, &room);
    if (!place) {
        return 0;
    }
    length = min_u32(length, room);
    fill(app, place, length);
    return tcp_commit(app->conn, place, length) == TCP_OK ? (int32_t)length : 0;
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
        tcp_close(app->conn);
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
            wake_within(app, 100 * NS_PER_MS);
            return;
        }
        app->sent += (uint32_t)done;
    }
    finish(app);
}

static void on_open(struct tcp_conn *conn)
{
    struct app *app = conn->app;

    if (app->opened) {
        fail(app, APP_OPEN_TWICE);
    }
    app->opened = true;
    app->conn = conn;
    tcp_set_nodelay(conn, app->plan.nodelay);
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
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] != app_byte(key, app->received + i)) {
            fail(app, APP_WRONG_BYTE);
            return;
        }
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
    if (app->retained_count < APP_RETAINED_MAX && tcp_data_retain(app->conn, slice, NULL, &kept)) {
        app->retained[app->retained_count++] = kept;
    } else {
        fail(app, APP_TOO_MUCH);
    }
    tcp_pause(app->conn);
    app->paused = true;
    wake_within(app, 20 * NS_PER_MS);
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
        app->retained_count < APP_RETAINED_MAX && tcp_data_retain(app->conn, slice, NULL, &kept)) {
        app->retained[app->retained_count++] = kept;
        wake_within(app, app->plan.pause_ns);
    }
    if (random_chance(&app->random, app->plan.pause_ppm)) {
        tcp_pause(app->conn);
        app->paused = true;
        wake_within(app, app->plan.pause_ns);
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct app *app = conn->app;

    for (unsigned i = 0; i < count; i++) {
        check(app, slice_data(conn->tcp->pool, &slices[i]), slices[i].length);
        app->received += slices[i].length;
        if (app->closed) {
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

    if (app->received != app_total(app->peer)) {
        fail(app, APP_EOF_TOO_EARLY);
    }
    app->eof = true;
    pump(app);
}

static void on_close(struct tcp_conn *conn)
{
    struct app *app = conn->app;

    if (app->closed) {
        fail(app, APP_EVENT_AFTER_CLOSE);
    }
    app->closed = true;
    app->reason = (enum tcp_reason)conn->reason;
    for (unsigned i = 0; i < app->retained_count; i++) {
        tcp_data_release_orphan(conn->tcp, &app->retained[i]);
    }
    app->retained_count = 0;
    app->wake_ns = UINT64_MAX;
    app->conn = NULL;
}

void app_wake(struct app *app, uint64_t now_ns)
{
    if (app->wake_ns <= now_ns) {
        app->wake_ns = UINT64_MAX;
    }
    if (!app->conn || app->conn->state == TCP_CLOSED) {
        return;
    }
    release_all(app);
    if (app->plan.echo && app->retained_count > 0) {
        wake_within(app, 20 * NS_PER_MS);
        return;
    }
    if (app->paused) {
        app->paused = false;
        tcp_resume(app->conn);
    }
    pump(app);
}

const struct tcp_events app_events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .close = on_close,
};
