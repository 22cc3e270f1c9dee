#include "tests/fuzz/steps.h"

#include "tcp/limits.h"
#include "tcp/user.h"
#include "tests/fuzz/life.h"
#include "tests/fuzz/tune.h"
#include "tests/fuzz/world.h"

#define STEP_BATCH 0x80u     /* the next step belongs to the same turn */
#define STEP_PEER_SHIFT 5u   /* two bits */
#define STEP_NS 5000u        /* more than a tick of the clock of ISNs */
#define ADVANCE_TURNS 12u    /* of a step of time */
#define RAW_OPTION_BYTES 12u /* of a segment, at the most */
#define ECN_FLAGS (TCP_AE | TCP_CWR | TCP_ECE)

/* Bases of sequence and acknowledgement numbers. */
static uint32_t seq_of(const struct peer *peer, uint8_t base, int32_t offset, struct input *in)
{
    struct peer_view view = peer_view(peer);

    switch (base & 7) {
    case 0:
        return view.rcv_nxt + (uint32_t)offset;
    case 1:
        return view.rcv_edge + (uint32_t)offset;
    case 2:
        return peer->iss + (uint32_t)offset;
    case 3:
        return view.rcv_nxt + (uint32_t)(offset * 100);
    case 4:
        return view.rcv_nxt + (uint32_t)(offset * 1400);
    case 5:
        return view.conn ? view.conn->rcv.irs + (uint32_t)offset : 0;
    case 6:
        return view.rcv_nxt + 0x80000000u + (uint32_t)offset;
    default:
        return input_u32(in);
    }
}

static uint32_t ack_of(const struct peer *peer, uint8_t base, int32_t offset, struct input *in)
{
    struct peer_view view = peer_view(peer);

    switch (base & 7) {
    case 0:
        return view.snd_nxt + (uint32_t)offset;
    case 1:
        return view.snd_una + (uint32_t)offset;
    case 2:
        return view.snd_una + (uint32_t)(offset * (int32_t)peer->mss);
    case 3:
        return view.snd_una + (uint32_t)(offset * 100);
    case 4:
        return peer->told.iss + (uint32_t)offset;
    case 5:
        return view.snd_una + (view.snd_nxt - view.snd_una) / 2 + (uint32_t)offset;
    case 6:
        return view.snd_una + 0x80000000u + (uint32_t)offset;
    default:
        return input_u32(in);
    }
}

static uint16_t length_of(uint8_t code)
{
    return code < 64 ? code : (uint16_t)min_u32((code - 63u) * 11, PEER_PAYLOAD_MAX - 40);
}

static uint16_t window_of(uint8_t code)
{
    return code < 4 ? code : (uint16_t)(code * 257u);
}

static void add_timestamps(const struct peer *peer, struct packet_segment *seg)
{
    if (peer->timestamps_on) {
        peer_add_timestamps(peer, seg, 0);
    }
}

/* Edges about those of segments. */
static void add_sacks(const struct peer *peer, struct packet_segment *seg, struct input *in)
{
    struct peer_view view = peer_view(peer);
    uint32_t unit = view.conn ? view.conn->snd.mss : TCP_MSS_MIN;
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];
    uint8_t count = input_u8(in) % TCP_SACK_BLOCKS_MAX + 1;

    for (unsigned i = 0; i < count; i++) {
        uint8_t where = input_u8(in);
        uint8_t length = input_u8(in);

        blocks[i].start =
            view.snd_una + (where & 31) * unit + (uint32_t)(where >> 5) - 4 * (where >> 7);
        blocks[i].end = blocks[i].start + (length & 15) * unit + (length >> 4);
    }
    peer_add_sacks(seg, blocks, count);
}

static void send_data(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK | TCP_PSH);

    add_timestamps(peer, &seg);
    peer_queue(peer, &seg, length_of(input_u8(in)));
}

static void send_data_ahead(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK | TCP_PSH);
    uint8_t where = input_u8(in);

    seg.seq += (uint32_t)(where & 63) * (where & 64 ? 700 : 10) + (where >> 7);
    add_timestamps(peer, &seg);
    peer_queue(peer, &seg, length_of(input_u8(in)));
}

static void send_fin(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK | TCP_FIN);

    add_timestamps(peer, &seg);
    peer_queue(peer, &seg, length_of(input_u8(in)));
}

/* So many 255ths of what is in flight. */
static void send_ack(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK);
    struct peer_view view = peer_view(peer);

    seg.ack =
        view.snd_una + (uint32_t)((uint64_t)(view.snd_nxt - view.snd_una) * input_u8(in) / 255);
    add_timestamps(peer, &seg);
    peer_queue(peer, &seg, 0);
}

static void send_window(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK);

    seg.window = window_of(input_u8(in));
    peer->window = seg.window;
    add_timestamps(peer, &seg);
    peer_queue(peer, &seg, 0);
}

static void send_sacks(struct peer *peer, struct input *in)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK);

    seg.ack = peer_view(peer).snd_una;
    add_timestamps(peer, &seg);
    add_sacks(peer, &seg, in);
    peer_queue(peer, &seg, 0);
}

static void send_syn(struct peer *peer, struct input *in)
{
    uint8_t how = input_u8(in);
    struct packet_segment seg;

    if (how & 1) {
        peer->iss += 0x10000u * how;
    }
    seg = peer_syn(peer, how & 2 ? TCP_ACK : 0);
    if (peer->cookies && how & 8) {
        peer_add_cookie(peer, &seg, (how & 0x30) == 0, (how & 0x30) != 0x30);
    }
    peer_queue(peer, &seg, how & 4 ? how : 0);
}

static void send_reset(struct peer *peer, struct input *in)
{
    uint8_t how = input_u8(in);
    struct packet_segment seg = peer_segment(peer, how & 1 ? TCP_RST | TCP_ACK : TCP_RST);

    seg.seq = seq_of(peer, how >> 1 & 7, (int8_t)((how >> 4) - 8), in);
    peer_queue(peer, &seg, 0);
}

/* An ACK, and from now on the flags and IP field of the peer: marks that are told, and some that
 * are made. */
static void send_marks(struct peer *peer, struct input *in)
{
    uint8_t how = input_u8(in);
    uint8_t told = input_u8(in);
    struct packet_segment seg;

    peer->flags = (uint16_t)((peer->flags + (how & 7u) * TCP_ECE) & ECN_FLAGS);
    peer->tos = how >> 3 & 3;
    peer->bytes_marked += (told >> 2) * 100u;
    seg = peer_segment(peer, TCP_ACK);
    if (how & 0x20) {
        seg.ack = peer_view(peer).snd_una;
    }
    add_timestamps(peer, &seg);
    if (how & 0x40) {
        peer_add_accecn(peer, &seg, told & 3);
    }
    peer_queue(peer, &seg, how & 0x80 ? length_of(told) : 0);
}

/* All drawn. */
static void send_raw(struct peer *peer, struct input *in)
{
    uint8_t flags = input_u8(in);
    uint8_t where = input_u8(in);
    uint8_t options = input_u8(in);
    struct packet_segment seg = flags & TCP_SYN ? peer_syn(peer, flags) : peer_segment(peer, flags);
    const uint8_t *raw;

    seg.flags = (uint16_t)(seg.flags | (where & 0x80u) << 1);
    seg.seq = seq_of(peer, where & 7, (int8_t)input_u8(in), in);
    seg.ack = ack_of(peer, where >> 3 & 7, (int8_t)input_u8(in), in);
    seg.window = options & 1 ? window_of(input_u8(in)) : peer->window;
    seg.urgent = options & 2 ? input_u8(in) : 0;
    seg.tos = options & 4 ? input_u8(in) : 0;
    if (options & 8 && seg.options_length + 12u <= PACKET_OPTIONS_MAX) {
        peer_add_timestamps(peer, &seg, (uint32_t)(int8_t)input_u8(in) * 100);
    }
    if (options & 16) {
        add_sacks(peer, &seg, in);
    }
    if (options & 32) {
        size_t length = input_bytes(in, input_u8(in) % RAW_OPTION_BYTES, &raw);

        peer_add_option(&seg, raw, (unsigned)length);
    }
    peer_queue(peer, &seg, options & 64 ? length_of(input_u8(in)) : 0);
}

/* The last segment once more, perhaps with a byte that the link broke; one byte alone is
 * always told by the checksum. */
static void send_again(struct peer *peer, struct input *in)
{
    struct bed_packet *packet;
    uint8_t how = input_u8(in);

    (void)peer;
    if (world.last.length == 0) {
        return;
    }
    packet = bed_packet();
    *packet = world.last;
    if (how != 0) {
        packet->bytes[input_u16(in) % packet->length] ^= how;
    }
}

static void send_icmp(struct peer *peer, struct input *in)
{
    static const uint8_t types[] = {3, 11, 12};
    uint8_t what = input_u8(in);
    struct packet_icmp icmp = {
        .tuple = peer->tuple,
        .seq = ack_of(peer, what >> 6, (int8_t)input_u8(in), in),
        .type = what & 0x30 ? types[(what >> 4 & 3) % COUNT_OF(types)] : 3,
        .code = what & 15,
        .mtu = (uint16_t)(input_u8(in) * 6),
    };

    if (ip_addr_is_v4(&peer->tuple.local)) {
        struct bed_packet *packet = bed_packet();

        packet->tight = false;
        packet_write_icmp(packet, &icmp);
    }
}

static struct life *life_at(const struct peer *peer)
{
    const struct tcp_conn *conn = peer_view(peer).conn;

    return conn && conn->state != TCP_CLOSED ? life_of(conn) : NULL;
}

static void app_sends(struct peer *peer, struct input *in)
{
    struct life *life = life_at(peer);
    uint32_t bytes = input_u8(in);

    if (life) {
        life_send(life, bytes < 128 ? bytes : (bytes - 127) * 64);
    }
}

static void app_writes(struct peer *peer, struct input *in)
{
    struct life *life = life_at(peer);
    uint32_t bytes = input_u8(in);

    if (life) {
        life_write(life, bytes * 8 + 1);
    }
}

static void app_acts(struct peer *peer, struct input *in)
{
    struct life *life = life_at(peer);
    uint8_t act = input_u8(in);

    if (life) {
        life_act(life, (enum life_act)(act % LIFE_ACTS));
    }
}

static void app_releases(struct peer *peer, struct input *in)
{
    struct life *life = life_at(peer);
    uint8_t how = input_u8(in);

    if (life && how & 1) {
        life_pass_on(life);
    } else if (life) {
        life_release(life);
    }
}

static void app_connects(struct peer *peer, struct input *in)
{
    (void)in;
    world_connect(peer);
}

static void app_listens(struct peer *peer, struct input *in)
{
    (void)peer;
    (void)in;
    if (world.listens) {
        tcp_unlisten(&bed.tcp, world.listener);
        world.listens = false;
    } else {
        world_listen();
    }
}

static uint64_t time_of(uint8_t code)
{
    return ((uint64_t)(code & 7) + 1) << (8 + (code >> 3));
}

static void app_changes(struct peer *peer, struct input *in)
{
    struct life *life = life_at(peer);
    uint8_t what = input_u8(in);
    uint8_t value = input_u8(in);

    if (life == NULL) {
        return;
    }
    switch (what % 7) {
    case 0:
        tcp_set_nodelay(life->conn, value & 1);
        break;
    case 1:
        tcp_set_cork(life->conn, value & 1);
        break;
    case 2:
        tcp_set_dscp(life->conn, value & 63);
        break;
    case 3:
        tcp_set_ttl(life->conn, value | 1);
        break;
    case 4:
        tcp_hurry_acks(life->conn);
        break;
    case 5:
        life_send_urgent(life, value);
        break;
    default:
        life_leave(life, value == 0 ? 0 : time_of(value));
        break;
    }
}

/* Whose policy, which part of it, and what that becomes. */
static void app_tunes(struct input *in)
{
    uint8_t how = input_u8(in);
    uint8_t value = input_u8(in);
    struct life *life = life_at(&world.peers[(how >> 3 & 3) % PEERS]);
    struct tcp_policy policy;

    if (life == NULL) {
        return;
    }
    policy = *tcp_conn_policy(life->conn);
    tune_part(&policy, how & 7, value);
    FUZZ_CHECK(tcp_set_policy(life->conn, &policy) == TCP_OK);
    world.tells_duplicates |= policy.dsack;
    world.tells_ecn_bytes |= policy.ecn_option;
}

static void app_pauses_listener(struct input *in)
{
    (void)in;
    if (world.listens) {
        world.paused = !world.paused;
        tcp_listen_pause(&bed.tcp, world.listener, world.paused);
    }
}

/* From 256 ns to an hour. */
static void pass_time(struct peer *peer, struct input *in)
{
    (void)peer;
    bed_advance(time_of(input_u8(in)), ADVANCE_TURNS);
}

/* To the next deadline, or a hair before it. */
static void pass_to_deadline(struct peer *peer, struct input *in)
{
    uint8_t turns = input_u8(in);

    (void)peer;
    for (unsigned i = 0; i <= (turns & 7u); i++) {
        uint64_t next_ns = bed_next_ns();

        if (next_ns != UINT64_MAX && next_ns > bed.now_ns) {
            bed_advance(next_ns - bed.now_ns - (turns >> 7), 1);
        }
    }
}

static void port_changes(struct peer *peer, struct input *in)
{
    uint8_t how = input_u8(in);

    (void)peer;
    bed.tx_room = how & 1 ? PORT_BURST : how >> 2 & 7;
    bed.hold_completions = (how & 2) != 0;
}

static void port_completes(struct peer *peer, struct input *in)
{
    uint8_t how = input_u8(in);

    (void)peer;
    bed_complete(how >> 1, how & 1);
}

static void frames_change(struct peer *peer, struct input *in)
{
    (void)peer;
    bed_steal(input_u8(in));
}

/* Twice what is to happen often. */
static void (*const steps[32])(struct peer *peer, struct input *in) = {
    send_data,  send_data_ahead,  send_ack,     send_sacks,     send_window,   send_fin,
    send_syn,   send_reset,       send_raw,     send_again,     send_icmp,     app_sends,
    app_writes, app_acts,         app_releases, app_connects,   app_listens,   app_changes,
    pass_time,  pass_to_deadline, port_changes, port_completes, frames_change, send_marks,
    send_data,  send_data_ahead,  send_ack,     send_sacks,     app_sends,     pass_time,
    send_raw,   pass_to_deadline,
};

/* Steps of the application for a fourth peer, whom there is not, are other ones. */
static void (*step_of_nobody(uint8_t what))(struct input *in)
{
    if ((what >> STEP_PEER_SHIFT & 3) < PEERS) {
        return NULL;
    }
    return steps[what & 31] == app_changes   ? app_tunes
           : steps[what & 31] == app_listens ? app_pauses_listener
                                             : NULL;
}

void step_take(struct input *in)
{
    uint8_t what = input_u8(in);
    struct peer *peer = &world.peers[(what >> STEP_PEER_SHIFT & 3) % PEERS];
    unsigned arrived = bed.arrived;
    void (*other)(struct input * in) = step_of_nobody(what);

    bed.now_ns += STEP_NS;
    if (other) {
        other(in);
    } else {
        steps[what & 31](peer, in);
    }
    if (bed.arrived > arrived && steps[what & 31] != send_again) {
        world.last = bed.inbox[bed.arrived - 1];
    }
    if (!(what & STEP_BATCH) || bed.arrived == BED_BURST) {
        bed_turn();
    }
}
