#include "tcp/emit_options.h"

unsigned emit_syn_options(struct tcp_conn *conn, uint8_t *payload)
{
    struct tcp_options_out options = {
        .mss = (uint16_t)(conn->path.mtu - tcp_headers_bytes(&conn->tuple.remote)),
        .wscale = conn->rcv.wscale,
        .ts_val = tcp_timestamp(conn),
        .ts_ecr = conn->ts_recent,
    };
    uint8_t cookie[FAST_OPEN_COOKIE_MAX];

    conn->mss_told = options.mss;
    options.seen = TCP_OPT_MSS;
    options.seen |= tcp_conn_has(conn, TCP_CONN_SACK_OK) ? TCP_OPT_SACK_PERMITTED : 0;
    options.seen |= tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ? TCP_OPT_TIMESTAMPS : 0;
    options.seen |= tcp_conn_has(conn, TCP_CONN_WSCALE) ? TCP_OPT_WSCALE : 0;
    if (tcp_fast_open_option(conn, cookie, &options.fast_open_length)) {
        options.seen |= TCP_OPT_FAST_OPEN;
        options.fast_open = cookie;
    }
    ecn_add_option(conn, &options, TCP_OPTIONS_BYTES_MAX);
    return tcp_options_write_before(payload, &options);
}

static void add_timestamps(const struct tcp_conn *conn, struct tcp_options_out *options)
{
    if (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS)) {
        options->seen = TCP_OPT_TIMESTAMPS;
        options->ts_val = tcp_timestamp(conn);
        options->ts_ecr = conn->ts_recent;
    }
}

/* Apart: nothing else has a need of this. */
RARE unsigned emit_told_options(struct tcp_conn *conn, const struct tcp_record *record,
                                uint8_t *payload)
{
    struct tcp_options_out options = {0};
    unsigned bytes;

    if (record->flags & TCP_RECORD_SENT || record->slice.length >= conn->snd.mss) {
        return emit_timestamps(conn, payload);
    }
    add_timestamps(conn, &options);
    bytes = tcp_options_bytes(&options);
    ecn_add_option(conn, &options,
                   min_u32(bytes + conn->snd.mss - record->slice.length, TCP_OPTIONS_BYTES_MAX));
    return tcp_options_write_before(payload, &options);
}

unsigned emit_ack_options(struct tcp_conn *conn, uint8_t *payload)
{
    struct tcp_options_out options = {0};

    if (!tcp_conn_has(conn, TCP_CONN_SACK_OK) && conn->ecn.mode != TCP_ECN_ACCURATE) {
        return emit_timestamps(conn, payload);
    }
    add_timestamps(conn, &options);
    if (tcp_conn_has(conn, TCP_CONN_SACK_OK)) {
        options.sack_count = (uint8_t)reassembly_sack(
            &conn->reassembly, options.sack, tcp_conn_has(conn, TCP_CONN_TIMESTAMPS) ? 3 : 4);
        options.seen |= options.sack_count > 0 ? TCP_OPT_SACK : 0;
    }
    ecn_add_option(conn, &options, TCP_OPTIONS_BYTES_MAX);
    return tcp_options_write_before(payload, &options);
}
