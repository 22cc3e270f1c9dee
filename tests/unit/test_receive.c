/*
 * Goal:   each packet of a burst goes to whom it belongs (api/receive.c): segments
 *         to TCP, datagrams to nobody, which is said, ARP to net and to those who
 *         want to hear of it; and no frame stays behind.
 * Method: a burst of one kind each, on one stack; what moved is counted.
 */
#include "api/receive.h"
#include "tests/unit/net_packets.h"
#include "tests/unit/tcp_fixture.h"
#include "tests/unit/tcp_fixture_port.h"

static unsigned heard;

static void hear(struct tcp *tcp, const struct packet *packet)
{
    assert_int_equal(tcp->net->counters.arp_requests_in, 0); /* net comes after */
    assert_true(packet->flags & PACKET_ARP);
    heard++;
}

static void queue_arp(struct tcp_fixture *f)
{
    uint8_t bytes[64];
    struct arp_spec spec = {.operation = 1, .sender = "10.0.0.2", .target = "10.0.0.1"};

    peer_queue_bytes(f, bytes, put_arp(bytes, &spec));
}

static void queue_udp(struct tcp_fixture *f)
{
    static const uint8_t datagram[] = {0x10, 0, 0x20, 0, 0, 8, 0, 0};
    uint8_t bytes[64];
    struct ipv4_spec spec = {.protocol = 17};

    peer_queue_bytes(f, bytes, put_ipv4(bytes, &spec, datagram, sizeof datagram));
}

static void queue_tcp(struct tcp_fixture *f)
{
    peer_queues(f, TCP_ACK, .seq = 1, .ack = 1);
}

static void queue_anothers(struct tcp_fixture *f)
{
    uint8_t bytes[64];
    struct ipv4_spec spec = {.protocol = 6, .link_dst = &third_mac};

    peer_queue_bytes(f, bytes, put_ipv4(bytes, &spec, NULL, 0));
}

/* What was to be sent is not: the far end of the fixture reads TCP only. */
static void forget_output(struct tcp_fixture *f)
{
    struct port *port = &f->port->port;

    for (unsigned i = 0; i < port->tx_count; i++) {
        frame_drop(&f->pool, port->tx[i].frame, FRAME_KERNEL_TX);
    }
    port->tx_room += port->tx_count;
    port->tx_count = 0;
}

static void each_packet_goes_to_whom_it_belongs(void **state)
{
    static const struct {
        const char *name;
        void (*queue)(struct tcp_fixture *f);
        unsigned heard, arp, segments, sent;
    } cases[] = {
        {"ARP", queue_arp, 1, 1, 0, 1},
        {"a datagram: port unreachable", queue_udp, 0, 0, 0, 1},
        {"a segment of no connection: RST", queue_tcp, 0, 0, 1, 1},
        {"for another host", queue_anothers, 0, 0, 0, 0},
    };
    struct tcp_fixture *f = *state;

    fixture_open(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        uint32_t free_frames = f->pool.free_count;

        print_message("  %s\n", cases[i].name);
        heard = 0;
        f->net.counters = (struct net_counters){0};
        f->tcp.counters = (struct tcp_counters){0};
        cases[i].queue(f);
        tcp_turn_begin(&f->tcp, f->now_ns);
        assert_int_equal(receive_burst(&f->tcp, f->now_ns, hear), 1);
        assert_int_equal(heard, cases[i].heard);
        assert_int_equal(f->net.counters.arp_requests_in, cases[i].arp);
        assert_int_equal(f->tcp.counters.segments_in, cases[i].segments);
        assert_int_equal(f->port->port.tx_count, cases[i].sent);
        forget_output(f);
        assert_int_equal(f->pool.free_count, free_frames);
    }
}

static void nobody_needs_to_hear(void **state)
{
    struct tcp_fixture *f = *state;

    fixture_open(f);
    queue_arp(f);
    queue_arp(f);
    assert_int_equal(receive_burst(&f->tcp, f->now_ns, NULL), 2);
    assert_int_equal(f->net.counters.arp_requests_in, 2);
    forget_output(f);
    assert_int_equal(receive_burst(&f->tcp, f->now_ns, NULL), 0);
}

/* Bytes [start, end) of what IP carries in the packet, as a fragment of their own. */
static void queue_part(struct tcp_fixture *f, const struct fixture_packet *whole, unsigned start,
                       unsigned end)
{
    uint8_t bytes[FIXTURE_PACKET_BYTES];
    bool more = end + 34u < whole->length;

    memcpy(bytes, whole->bytes, 34);
    memcpy(bytes + 34, whole->bytes + 34 + start, end - start);
    put16(bytes + 16, 20 + end - start);
    put16(bytes + 20, start / 8 | (more ? 0x2000u : 0));
    put_ipv4_checksum(bytes + 14);
    peer_queue_bytes(f, bytes, (uint16_t)(34 + end - start));
}

/* A segment that came in parts is one, in the turn in which the last comes, and the frame that
 * it was put together in goes where others go.
 * Shows: RFC 1122 3.3.2a. */
static void fragments_of_a_segment(void **state)
{
    struct tcp_fixture *f = *state;
    struct fixture_packet whole;
    uint32_t free_frames;

    establish(f);
    free_frames = f->pool.free_count;
    for (uint32_t i = 0; i < 3; i++) {
        fixture_write(f, &SEG(TCP_ACK, .seq = 1 + i * 900, .ack = 1, .bytes = 900), &whole);
        queue_part(f, &whole, 400, 920);
        turn(f);
        expect_silence(f);
        queue_part(f, &whole, 0, 400);
        turn(f);
        expect(f, TCP_ACK, .seq = 1, .ack = 1 + (i + 1) * 900);
    }
    assert_int_equal(f->peer->told.data, 2700);
    assert_int_equal(f->net.counters.reassembled, 3);
    assert_int_equal(f->pool.free_count, free_frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_V4(each_packet_goes_to_whom_it_belongs),
        SCRIPT_V4(nobody_needs_to_hear),
        SCRIPT_V4(fragments_of_a_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
