#include "bench/echo/services.h"

#include <stdlib.h>

/* What an echo could not send at once: slices that wait for on_writable. While
 * any waits, nothing more is read, so it holds no more than one call's. */
#define BACKLOG_SLICES 16u

/* Of a backlog without --close-after. */
#define NEVER UINT64_MAX

struct backlog {
    uint64_t left; /* bytes until this side closes first, or NEVER */
    unsigned count;
    struct hr_slice slices[BACKLOG_SLICES];
};

static struct backlog *backlog_make(struct hr_conn *conn, uint64_t left)
{
    struct backlog *backlog = calloc(1, sizeof *backlog);

    if (backlog) {
        backlog->left = left;
    }
    hr_conn_set_context(conn, backlog);
    return backlog;
}

static void echo_keep(struct hr_conn *conn, const struct hr_slice *slice)
{
    struct backlog *backlog = hr_conn_context(conn);

    if (!backlog) {
        backlog = backlog_make(conn, NEVER);
    }
    if (!backlog || backlog->count == BACKLOG_SLICES ||
        hr_data_retain(conn, slice, &backlog->slices[backlog->count]) != HR_OK) {
        hr_abort(conn); /* a byte that cannot be echoed must not be missing silently */
        return;
    }
    backlog->count++;
    hr_recv_pause(conn);
}

static void echo_data(struct hr_conn *conn, const struct hr_data *data)
{
    const struct backlog *backlog = hr_conn_context(conn);

    for (unsigned i = 0; i < data->count; i++) {
        if ((backlog && backlog->count > 0) || hr_send_data(conn, &data->slices[i]) != HR_OK) {
            echo_keep(conn, &data->slices[i]);
            backlog = hr_conn_context(conn);
        }
    }
}

static void echo_writable(struct hr_conn *conn)
{
    struct backlog *backlog = hr_conn_context(conn);
    unsigned sent = 0;

    if (!backlog || backlog->count == 0) {
        return;
    }
    while (sent < backlog->count && hr_send_retained(conn, conn, &backlog->slices[sent]) == HR_OK) {
        sent++;
    }
    backlog->count -= sent;
    for (unsigned i = 0; i < backlog->count; i++) {
        backlog->slices[i] = backlog->slices[i + sent];
    }
    if (backlog->count == 0) {
        hr_recv_resume(conn);
    }
}

/* Everything was echoed when the end of the stream is told: it comes after the
 * last byte, and nothing waits then. */
static void echo_eof(struct hr_conn *conn)
{
    hr_close(conn);
}

static void echo_close(struct hr_conn *conn, int reason)
{
    struct backlog *backlog = hr_conn_context(conn);

    (void)reason;
    for (unsigned i = 0; backlog && i < backlog->count; i++) {
        hr_data_release_late(hr_conn_worker(conn), &backlog->slices[i]);
    }
    free(backlog);
}

/* --close-after: the server is the first to close. The listener's context is the
 * limit; the connection's is its backlog, from the start. */
static void limited_open(struct hr_conn *conn)
{
    const uint64_t *limit = hr_conn_context(conn);

    if (!backlog_make(conn, *limit)) {
        hr_abort(conn);
    }
}

static void shut_when_done(struct hr_conn *conn)
{
    const struct backlog *backlog = hr_conn_context(conn);

    if (backlog->left == 0 && backlog->count == 0) {
        (void)hr_shutdown(conn);
    }
}

/* What comes after the end is read and thrown away: the other half is open. */
static void limited_data(struct hr_conn *conn, const struct hr_data *data)
{
    struct backlog *backlog = hr_conn_context(conn);

    if (!backlog || backlog->left == 0) {
        return;
    }
    backlog->left -= data->length < backlog->left ? data->length : backlog->left;
    echo_data(conn, data);
    shut_when_done(conn);
}

static void limited_writable(struct hr_conn *conn)
{
    echo_writable(conn);
    if (hr_conn_context(conn)) {
        shut_when_done(conn);
    }
}

static void close_back(struct hr_conn *conn)
{
    hr_close(conn);
}

/* RFC 864: 95 printing characters, 72 to a line, each line begins one further.
 * A period of 95 lines of 74 bytes. */
#define CHARGEN_LINES 95u
#define CHARGEN_LINE_BYTES 74u
#define CHARGEN_PERIOD (CHARGEN_LINES * CHARGEN_LINE_BYTES)

static char chargen_period[CHARGEN_PERIOD];

static void __attribute__((constructor)) chargen_init(void)
{
    for (unsigned line = 0; line < CHARGEN_LINES; line++) {
        char *at = chargen_period + (size_t)line * CHARGEN_LINE_BYTES;

        for (unsigned i = 0; i < 72; i++) {
            at[i] = (char)(' ' + (line + i) % 95);
        }
        at[72] = '\r';
        at[73] = '\n';
    }
}

/* The context is the place in the period, so a connection needs no memory. */
static void chargen_fill(struct hr_conn *conn)
{
    size_t at = (size_t)hr_conn_context(conn);

    for (;;) {
        long sent = hr_send(conn, chargen_period + at, CHARGEN_PERIOD - at);

        if (sent <= 0) {
            break;
        }
        at = (at + (size_t)sent) % CHARGEN_PERIOD;
    }
    hr_conn_set_context(conn, (void *)at);
}

static const struct hr_conn_ops echo_ops = {
    .on_data = echo_data,
    .on_writable = echo_writable,
    .on_eof = echo_eof,
    .on_close = echo_close,
};

const struct hr_conn_ops echo_limited = {
    .on_open = limited_open,
    .on_data = limited_data,
    .on_writable = limited_writable,
    .on_eof = echo_eof,
    .on_close = echo_close,
};

static const struct hr_conn_ops discard_ops = {
    .on_eof = close_back,
};

static const struct hr_conn_ops chargen_ops = {
    .on_open = chargen_fill,
    .on_writable = chargen_fill,
    .on_eof = close_back,
};

const struct hr_conn_ops *const echo_services[] = {
    [ECHO_SERVICE_ECHO] = &echo_ops,
    [ECHO_SERVICE_DISCARD] = &discard_ops,
    [ECHO_SERVICE_CHARGEN] = &chargen_ops,
};
