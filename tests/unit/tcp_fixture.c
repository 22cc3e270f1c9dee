#include "tests/unit/tcp_fixture.h"

#include "api/receive.h"
#include "datapath/wire/pool.h"
#include "tcp/isn.h"
#include "tcp/path.h"
#include "tcp/timewait_table.h"
#include "tests/unit/net_packets.h"
#include "tests/unit/tcp_fixture_port.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES 2048u
#define CONTROL_FLOOR 16u

static struct tcp_fixture *fixture_of(const struct tcp_conn *conn)
{
    return conn->tcp->app;
}

static struct peer *peer_of(const struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    for (unsigned i = 0; i < PEERS; i++) {
        if (f->peers[i].port == conn->tuple.remote_port &&
            f->peers[i].local_port == conn->tuple.local_port) {
            return &f->peers[i];
        }
    }
    fail_msg("a connection with a port that nobody asked for");
    return NULL;
}

/* Before anything else, never after the end. */
static struct told *tell(const struct tcp_conn *conn)
{
    struct told *told = &peer_of(conn)->told;

    assert_int_equal(told->close, 0);
    return told;
}

static void on_open(struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    assert_int_equal(tell(conn)->open++, 0);
    if (f->app.open) {
        f->app.open(f, conn);
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    struct tcp_fixture *f = fixture_of(conn);

    for (unsigned i = 0; i < count; i++) {
        struct told *told = tell(conn);
        const uint8_t *bytes = slice_data(&f->pool, &slices[i]);

        assert_int_equal(told->eof, 0);
        assert_true(slices[i].length > 0);
        for (unsigned b = 0; b < slices[i].length; b++) {
            assert_int_equal(bytes[b], fixture_byte(false, 1 + told->data + b));
        }
        told->data += slices[i].length;
        if (f->app.data) {
            f->app.data(f, conn, &slices[i]);
        }
    }
}

static void on_sent(struct tcp_conn *conn, uint32_t bytes)
{
    struct tcp_fixture *f = fixture_of(conn);
    struct told *told = tell(conn);

    told->sent += bytes;
    assert_in_range(told->sent, 1, told->queued);
    if (f->app.sent) {
        f->app.sent(f, conn);
    }
}

static void on_writable(struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    tell(conn)->writable++;
    if (f->app.writable) {
        f->app.writable(f, conn);
    }
}

static void on_eof(struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    assert_int_equal(tell(conn)->eof++, 0);
    if (f->app.eof) {
        f->app.eof(f, conn);
    }
}

static void on_urgent(struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    tell(conn)->urgent++;
    if (f->app.urgent) {
        f->app.urgent(f, conn);
    }
}

static void on_trouble(struct tcp_conn *conn)
{
    struct tcp_fixture *f = fixture_of(conn);

    tell(conn)->trouble++;
    if (f->app.trouble) {
        f->app.trouble(f, conn);
    }
}

static void on_close(struct tcp_conn *conn)
{
    struct told *told = tell(conn);

    told->close++;
    told->reason = (enum tcp_reason)conn->reason;
    assert_int_equal(conn->state, TCP_CLOSED);
}

static const struct tcp_events events = {
    .open = on_open,
    .data = on_data,
    .sent = on_sent,
    .writable = on_writable,
    .eof = on_eof,
    .urgent = on_urgent,
    .trouble = on_trouble,
    .close = on_close,
};

static const struct net_transport transport = {
    .path_changed = tcp_path_changed,
    .icmp_error = tcp_icmp_error,
};

static void set_defaults(struct tcp_fixture *f)
{
    f->config = tcp_config_default;
    f->config.connections_max = 16;
    f->config.flights_max = 16;
    f->config.timewaits_max = 4;
    f->config.pieces_max = 1024;
    f->config.blocks_bytes = 4u << 20;
    for (unsigned i = 0; i < COUNT_OF(f->config.secret); i++) {
        f->config.secret[i] = 0x243f6a8885a308d3u * (i + 1);
    }
    f->settings = tcp_settings_default;
    f->settings.timestamps = false;
    f->settings.policy.send_buffer_max = 0; /* each buffer is as large as a test sets it */
    f->settings.policy.receive_buffer_max = 0;
    f->half_open_max = 8;
    f->mtu = 1500;
    f->frames = 512;
    f->tx_room = 32;
    f->start_ns = 1000 * NS_PER_S;
    f->iss = f->v6 ? UINT32_MAX - 1500 : 2000000;
    for (unsigned i = 0; i < PEERS; i++) {
        f->peers[i] = (struct peer){
            .port = (uint16_t)(PEER_PORT + i),
            .local_port = LOCAL_PORT,
            .iss = (f->v6 ? UINT32_MAX - 1500 : 1000000) + i * 77,
            .window = 65535,
            .mss = MSS,
            .wscale = WSCALE(0),
            .sack = true,
            .ts_base = 5000,
        };
    }
    f->peer = &f->peers[0];
}

int fixture_setup(void **state)
{
    struct tcp_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->v6 = strcmp(*state, "v6") == 0;
    f->local = addr_of(f->v6 ? "2001:db8::1" : "10.0.0.1");
    f->remote = addr_of(f->v6 ? "2001:db8::2" : "10.0.0.2");
    set_defaults(f);
    *state = f;
    return 0;
}

/* The clock starts when RFC 6528 gives the ISN that the test wants. */
static void choose_start(struct tcp_fixture *f)
{
    struct tcp_tuple tuple = tuple_of(f);
    uint32_t isn = isn_make(f->config.secret + 2, &tuple, f->start_ns).number;

    f->start_ns += (uint64_t)(uint32_t)(f->iss - isn) << 12;
    f->now_ns = f->start_ns;
}

static void open_net(struct tcp_fixture *f)
{
    struct ip_prefix own = {f->local, f->v6 ? 64 : 24};
    struct net_config config = {
        .port = &f->port->port,
        .pool = &f->pool,
        .mac = our_mac,
        .mtu = f->mtu,
        .address_count = 1,
        .addresses = &own,
        .neighbours = f->neighbours,
        .neighbours_max = COUNT_OF(f->neighbours),
        .transport = &transport,
        .transport_ctx = &f->tcp,
        .checksum_tx = true,
    };

    assert_int_equal(net_init(&f->net, &config), 0);
    if (!f->unresolved) {
        assert_int_equal(net_neighbour_set(&f->net, &f->remote, &peer_mac), 0);
    }
}

static void open_listener(struct tcp_fixture *f)
{
    struct tcp_listener listener = {.port = LOCAL_PORT,
                                    .half_open_max = f->half_open_max,
                                    .connections_max = UINT32_MAX,
                                    .syn_cookies = (uint8_t)f->syn_cookies,
                                    .settings = f->settings};

    assert_int_equal(tcp_listen(&f->tcp, &listener, &f->listener), TCP_OK);
}

void fixture_open(struct tcp_fixture *f)
{
    struct frame_pool_config pool = {
        .count = f->frames, .chunk_bytes = CHUNK_BYTES, .floor = {PORT_BURST, CONTROL_FLOOR, 0}};
    size_t bytes;

    if (f->memory) {
        return;
    }
    choose_start(f);
    assert_int_equal(wire_pool_create(&f->pool, &pool), 0);
    f->port = calloc(1, sizeof *f->port);
    assert_non_null(f->port);
    fixture_port_init(f->port, f);
    open_net(f);
    f->config.net = &f->net;
    f->config.pool = &f->pool;
    f->config.events = &events;
    f->config.app = f;
    bytes = (tcp_memory_bytes(&f->config) + 4095) & ~(size_t)4095;
    f->memory = aligned_alloc(4096, bytes);
    assert_non_null(f->memory);
    memset(f->memory, 0, bytes);
    assert_int_equal(tcp_init(&f->tcp, &f->config, f->memory, f->now_ns), 0);
    open_listener(f);
}

static void check(const struct tcp_fixture *f)
{
    assert_true(tcp_check(&f->tcp));
    assert_true(frame_pool_check(&f->pool));
}

/* What comes home is overwritten: nobody may still read it. */
static void overwrite_home(struct tcp_fixture *f)
{
    for (unsigned i = 0; i < f->port->given_count; i++) {
        uint32_t frame = f->port->given[i];

        if (frame_record(&f->pool, frame)->holders == 0) {
            memset(frame_data(&f->pool, frame), 0xdb, CHUNK_BYTES);
        }
    }
}

void turn(struct tcp_fixture *f)
{
    fixture_open(f);
    tcp_turn_begin(&f->tcp, f->now_ns);
    (void)receive_burst(&f->tcp, f->now_ns, NULL);
    overwrite_home(f);
    net_tick(&f->net, f->now_ns);
    tcp_timers(&f->tcp, f->now_ns);
    tcp_transmit(&f->tcp);
    tcp_turn_end(&f->tcp);
    port_flush(&f->port->port);
    check(f);
}

/* Whether anything was sent on the way, which ends it. */
static bool run_until(struct tcp_fixture *f, uint64_t end_ns, bool stop_when_sent)
{
    for (unsigned turns = 0; turns < 100000; turns++) {
        uint64_t next_ns = min_u64(tcp_next_deadline(&f->tcp), net_next_deadline(&f->net));

        if (stop_when_sent && f->port->sent_end > f->port->sent_first) {
            return true;
        }
        if (next_ns > end_ns) {
            f->now_ns = end_ns;
            turn(f);
            return f->port->sent_end > f->port->sent_first;
        }
        f->now_ns = max_u64(next_ns, f->now_ns);
        turn(f);
    }
    fail_msg("a timer comes due for ever");
    return false;
}

void wait_ns(struct tcp_fixture *f, uint64_t ns)
{
    expect_silence(f);
    (void)run_until(f, f->now_ns + ns, false);
}

void peer_queue(struct tcp_fixture *f, const struct seg *seg)
{
    fixture_open(f);
    assert_true(f->port->arrived < FIXTURE_INBOX);
    fixture_write(f, seg, &f->port->inbox[f->port->arrived++]);
}

void peer_queue_bytes(struct tcp_fixture *f, const uint8_t *packet, uint16_t length)
{
    struct fixture_packet *to;

    fixture_open(f);
    assert_true(f->port->arrived < FIXTURE_INBOX);
    to = &f->port->inbox[f->port->arrived++];
    memcpy(to->bytes, packet, length);
    to->length = length;
}

struct seg syn_of(const struct peer *peer, struct seg seg)
{
    seg.mss = peer->mss;
    seg.wscale = peer->wscale;
    seg.sack_permitted = peer->sack;
    seg.timestamps = peer->timestamps;
    return seg;
}

void peer_send_syn(struct tcp_fixture *f, struct seg seg)
{
    seg = syn_of(f->peer, seg);
    peer_queue(f, &seg);
    turn(f);
}

void icmp_says(struct tcp_fixture *f, enum net_icmp_class class, uint32_t seq, uint16_t mtu)
{
    struct net_icmp_error error = {
        .local = f->local,
        .remote = f->remote,
        .local_port = f->peer->local_port,
        .remote_port = f->peer->port,
        .seq = f->peer->irs + seq,
        .protocol = IPPROTO_TCP,
        .class = (uint8_t) class,
        .mtu = mtu,
    };

    tcp_icmp_error(&f->tcp, &error, f->now_ns);
    turn(f);
}

static void describe(const struct seg *seg, char *text, size_t bytes)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    size_t at = 0;

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (seg->flags >> i & 1) {
            at += (size_t)snprintf(text + at, bytes - at, "%s ", names[i]);
        }
    }
    at += (size_t)snprintf(text + at, bytes - at, "seq %u ack %u bytes %u window %u", seg->seq,
                           seg->ack, seg->bytes, seg->window);
    for (unsigned i = 0; i < TCP_SACK_BLOCKS_MAX && seg->sack[i].start != seg->sack[i].end; i++) {
        at += (size_t)snprintf(text + at, bytes - at, " sack %u:%u", seg->sack[i].start,
                               seg->sack[i].end);
    }
    (void)snprintf(text + at, bytes - at, " mss %u wscale %u ts %u,%u", seg->mss,
                   seg->wscale & 0x7fu, seg->ts_val, seg->ts_ecr);
}

static bool is_as_expected(const struct seg *want, const struct seg *got)
{
    uint32_t window = want->window & 0xffff;

    return (want->flags | TCP_PSH) == (got->flags | TCP_PSH) &&
           (!(want->flags & TCP_PSH) || got->flags & TCP_PSH) && want->seq == got->seq &&
           want->ack == got->ack && want->bytes == got->bytes &&
           want->fast_open == got->fast_open &&
           (!want->cookie_bytes || (want->cookie_bytes == got->cookie_bytes &&
                                    memcmp(want->cookie, got->cookie, want->cookie_bytes) == 0)) &&
           memcmp(want->sack, got->sack, sizeof want->sack) == 0 &&
           (!want->window || window == got->window) && (!want->mss || want->mss == got->mss) &&
           (!want->wscale || want->wscale == got->wscale) &&
           (!want->ts_val || want->ts_val == got->ts_val) &&
           (!want->tos || want->tos == got->tos) &&
           (!want->accecn_kind ||
            (want->accecn_kind == got->accecn_kind && want->accecn_fields == got->accecn_fields &&
             memcmp(want->accecn, got->accecn, sizeof want->accecn) == 0)) &&
           (!want->ts_ecr || want->ts_ecr == got->ts_ecr) && want->urgent == got->urgent &&
           (!want->sack_permitted || got->sack_permitted) && (!want->timestamps || got->timestamps);
}

const struct seg *expect_now(struct tcp_fixture *f, const struct seg *want, const char *at)
{
    char wanted[256];
    char seen[256] = "nothing";
    const struct fixture_sent *got = NULL;

    fixture_open(f);
    describe(want, wanted, sizeof wanted);
    if (f->port->sent_first < f->port->sent_end) {
        got = &f->port->outbox[f->port->sent_first++];
        describe(&got->seg, seen, sizeof seen);
    }
    if (!got || &f->peers[got->peer] != f->peer || !is_as_expected(want, &got->seg)) {
        print_error("%s: at %.3f ms\n  wanted %s\n  got    %s\n", at,
                    (double)(f->now_ns - f->start_ns) / 1e6, wanted, seen);
        fail();
    }
    if (f->port->sent_first == f->port->sent_end) {
        f->port->sent_first = 0;
        f->port->sent_end = 0;
    }
    return &got->seg;
}

/* The slot of the wheel that a deadline falls into begins up to a tick later. */
const struct seg *expect_later(struct tcp_fixture *f, uint64_t ns, const struct seg *want,
                               const char *at)
{
    uint64_t due_ns = f->now_ns + ns;

    expect_none(f, at);
    if (run_until(f, due_ns + (2ull << WHEEL_TICK_SHIFT), true) && f->now_ns < due_ns) {
        print_error("%s: %.3f ms too early\n", at, (double)(due_ns - f->now_ns) / 1e6);
        (void)expect_now(f, want, at);
        fail();
    }
    return expect_now(f, want, at);
}

void expect_none(struct tcp_fixture *f, const char *at)
{
    char text[256];

    fixture_open(f);
    if (f->port->sent_first < f->port->sent_end) {
        describe(&f->port->outbox[f->port->sent_first].seg, text, sizeof text);
        print_error("%s: wanted nothing\n  got %s\n", at, text);
        fail();
    }
}

void forget_sent(struct tcp_fixture *f)
{
    f->port->sent_first = 0;
    f->port->sent_end = 0;
}
