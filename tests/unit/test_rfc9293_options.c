/*
 * Goal:   whatever stands where options stand, the segment is taken, what can be read of
 *         them counts, and nothing breaks (RFC 9293 sections 3.1 and 3.2).
 * Method: scripts over one stack. The peer's segments are written as always, with twelve
 *         bytes of options, and those are replaced. The segments that it gets tell which MSS
 *         was read.
 */
#include "tests/unit/tcp_fixture.h"

#include "tests/unit/net_packets.h"
#include "tests/unit/tcp_fixture_port.h"

#define NOP 1
#define MSS_600 2, 4, 0x02, 0x58
#define NO_MSS 0 /* the default of the family */

/* A word changes, and the checksum with it (RFC 1624 equation 3). */
static void put_word(uint8_t *l4, unsigned at, uint16_t word)
{
    uint32_t sum = (uint32_t)(uint16_t)~get16(l4 + 16) + (uint16_t)~get16(l4 + at) + word;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(l4 + at, word);
    put16(l4 + 16, (uint16_t)~sum);
}

static void peer_sends_with(struct tcp_fixture *f, struct seg seg, const uint8_t options[12])
{
    struct fixture_packet packet;
    uint8_t *l4 = packet.bytes + 14 + (f->v6 ? 40 : 20);

    fixture_open(f);
    seg.mss = MSS;
    seg.sack_permitted = true;
    seg.wscale = WSCALE(1);
    fixture_write(f, &seg, &packet);
    for (unsigned i = 0; i < 12; i += 2) {
        put_word(l4, 20 + i, (uint16_t)get16(options + i));
    }
    peer_queue_bytes(f, packet.bytes, packet.length);
    turn(f);
}

static const struct {
    const char *name;
    uint16_t mss;
    uint8_t options[12];
} cases[] = {
    {"nothing but an end", NO_MSS, {0}},
    {"behind the end", NO_MSS, {0, 0, 0, 0, MSS_600, 0, 0, 0, 0}},
    {"in front", 600, {MSS_600, 0}},
    {"not aligned", 600, {NOP, NOP, NOP, MSS_600, NOP, NOP, NOP, NOP, NOP}},
    {"at the very end", 600, {NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, MSS_600}},
    {"behind an unknown one", 600, {253, 5, 1, 2, 3, MSS_600, 0, 0, 0}},
    {"behind an unknown one without a value", 600, {77, 2, MSS_600, 0, 0, 0, 0, 0, 0}},
    {"behind a length of 0", NO_MSS, {77, 0, MSS_600, 0, 0, 0, 0, 0, 0}},
    {"behind a length of 1", NO_MSS, {77, 1, MSS_600, 0, 0, 0, 0, 0, 0}},
    {"before a length beyond the header", 600, {MSS_600, 77, 200, 0, 0, 0, 0, 0, 0}},
    {"before a length beyond the segment", 600, {MSS_600, 5, 255, 0, 0, 0, 0, 0, 0}},
    {"with a wrong length", NO_MSS, {2, 3, 2, NOP, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"cut by the end of the header",
     NO_MSS,
     {NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, 2, 4, 2}},
};

static uint32_t segment_bytes(const struct tcp_fixture *f, unsigned i)
{
    return cases[i].mss != NO_MSS ? cases[i].mss : f->v6 ? 1220 : 536;
}

/* Shows: RFC 9293 MUST-4, MUST-6, MUST-7, MUST-15, MUST-64. */
static void a_syn_may_have_any_options(void **state)
{
    struct tcp_fixture *f = *state;

    f->config.connections_max = 2 * PEERS;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        f->peer = &f->peers[i % PEERS];
        f->peer->told = (struct told){0};
        peer_sends_with(f, SEG(TCP_SYN, .seq = 0), cases[i].options);
        expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1);
        peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        app_sends(f, 2000);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = segment_bytes(f, i));
        forget_sent(f);
        peer_sends(f, TCP_RST, .seq = 1);
        assert_int_equal(f->peer->told.reason, TCP_REASON_RESET);
    }
}

/* Shows: RFC 9293 MUST-5, MUST-6, MUST-7, MUST-64. */
static void text_may_have_any_options(void **state)
{
    struct tcp_fixture *f = *state;
    uint32_t seq = 1;

    establish(f);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        peer_sends_with(f, SEG(TCP_ACK, .seq = seq, .ack = 1, .bytes = 10), cases[i].options);
        seq += 10;
        expect(f, TCP_ACK, .seq = 1, .ack = seq);
    }
    assert_int_equal(f->peer->told.data, seq - 1);
    app_sends(f, MSS);
    expect(f, TCP_ACK, .seq = 1, .ack = seq, .bytes = MSS);
}

/* Both sides keep to it, with a SYN cookie too, and when this one begins. */
static void segments_may_be_limited(void **state)
{
    struct tcp_fixture *f = *state;

    f->settings.mss_max = 600;
    for (unsigned i = 0; i < 3; i++) {
        f->peer = &f->peers[i];
        f->peer->told = (struct told){0};
        if (i == 2) {
            assert_int_equal(app_connects(f), TCP_OK);
            assert_int_equal(expect(f, TCP_SYN, .seq = 0)->mss, 600);
            peer_sends_syn(f, TCP_ACK, .seq = 0, .ack = 1);
            expect(f, TCP_ACK, .seq = 1, .ack = 1);
        } else {
            peer_sends_syn(f, 0, .seq = 0);
            assert_int_equal(expect(f, TCP_SYN | TCP_ACK, .seq = 0, .ack = 1)->mss, 600);
            peer_sends(f, TCP_ACK, .seq = 1, .ack = 1);
        }
        app_sends(f, MSS);
        expect(f, TCP_ACK, .seq = 1, .ack = 1, .bytes = i == 1 ? 536 : 600); /* a cookie's size */
        forget_sent(f);
        f->tcp.listeners[f->listener].syn_cookies = TCP_COOKIES_ALWAYS;
    }
    assert_int_equal(f->tcp.counters.syn_cookies_accepted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_syn_may_have_any_options),
        SCRIPT(text_may_have_any_options),
        SCRIPT(segments_may_be_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
