/*
 * Goal:   whatever comes from the wire, the receive path from Ethernet to TCP reads nothing
 *         outside the packet, keeps its invariants, answers with nothing malformed, and
 *         gives everything back.
 * Method: an input is a few bytes of settings, then frames with their length; before each a
 *         byte that says how much time passes and one that says what of it is made right
 *         (destination, lengths, checksums, or TCP's numbers made relative to what the stack
 *         sent last), since a mutation does not find a checksum. A listener and, if asked
 *         for, two connects stand open; the application echoes, discards, reads late, or
 *         talks first.
 */
#include "datapath/net/wire.h"
#include "tcp/limits.h"
#include "tcp/user.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

#define LISTEN_PORT 80u
#define VLAN 5u
#define ADVANCE_TURNS 16u
#define FRAMES_MAX 64u /* of an input */

/* The first byte of the input: what the bed and the application are like. */
enum setting {
    SETTING_RESOLVED = 1 << 0,
    SETTING_VLAN = 1 << 1,
    SETTING_CONNECTS = 1 << 2,
    SETTING_TIMESTAMPS = 1 << 3,
    SETTING_WSCALE = 1 << 4,
    SETTING_SACK = 1 << 5,
    SETTING_APP_SHIFT = 6, /* enum habit */
};

/* The second: what there is little of. */
enum scarcity {
    SCARCITY_FRAMES = 0x1f, /* of 32 steps of 3 above the least */
    SCARCITY_TX = 1 << 5,
    SCARCITY_COMPLETIONS = 1 << 6,
    SCARCITY_MTU = 1 << 7,
};

enum habit { HABIT_ECHO, HABIT_DISCARD, HABIT_LATE, HABIT_TALK };

/* Before each frame; the low four bits are enum packet_mend. */
enum how {
    HOW_LIVE = 1 << 4, /* ports, SEQ and ACK relative to the last segment of the stack */
    HOW_BATCH = 1 << 5,
    HOW_TIGHT = 1 << 6,
};

/* The last segment that the stack sent to the ports that end in these two bits. */
static struct packet_sight last[4];
static enum habit habit;

static void on_open(struct tcp_conn *conn)
{
    static const uint8_t bytes[4000];

    if (habit == HABIT_TALK) {
        (void)tcp_send(conn, bytes, sizeof bytes);
    }
}

static void on_data(struct tcp_conn *conn, const struct slice *slices, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (habit == HABIT_ECHO && tcp_send_slice(conn, &slices[i], FRAME_WORKER) != TCP_OK) {
            tcp_abort(conn);
            return;
        }
    }
    if (habit == HABIT_LATE) {
        tcp_pause(conn);
    }
}

static void ignore_bytes(struct tcp_conn *conn, uint32_t bytes)
{
    (void)conn;
    FUZZ_CHECK(bytes > 0);
}

static void ignore(struct tcp_conn *conn)
{
    (void)conn;
}

static void on_eof(struct tcp_conn *conn)
{
    tcp_close(conn);
}

static void on_close(struct tcp_conn *conn)
{
    FUZZ_CHECK(conn->state == TCP_CLOSED);
}

static const struct tcp_events events = {
    .open = on_open,
    .data = on_data,
    .sent = ignore_bytes,
    .writable = ignore,
    .eof = on_eof,
    .close = on_close,
};

static void on_sent(const uint8_t *packet, uint16_t length)
{
    struct packet_sight sight;

    if (packet_read(packet, length, &sight)) {
        last[sight.tuple.remote_port & 3] = sight;
    }
}

/* The late reader reads now. */
static void resume_all(void)
{
    for (uint32_t i = 0; i < bed.tcp.conns.untouched; i++) {
        if (slab_generation(&bed.tcp.conns, i) & 1) {
            tcp_resume(slab_at(&bed.tcp.conns, i));
        }
    }
}

static void connect_both(const struct tcp_settings *settings)
{
    struct tcp_tuple tuple = {.remote = bed_remote(false), .remote_port = 7};
    struct tcp_conn *conn;

    FUZZ_CHECK(tcp_connect(&bed.tcp, &tuple, settings, &conn) == TCP_OK);
    tuple = (struct tcp_tuple){.remote = ip_addr_v4(0x08080808u), .remote_port = 6};
    FUZZ_CHECK(tcp_connect(&bed.tcp, &tuple, settings, &conn) == TCP_OK);
}

static void open_bed(struct input *in)
{
    uint8_t setting = input_u8(in);
    uint8_t scarcity = input_u8(in);
    struct bed_config config = {
        .events = &events,
        .sent = on_sent,
        .start_ns = 1000 * NS_PER_S,
        .frames = BED_FRAMES_MIN + 3u * (scarcity & SCARCITY_FRAMES),
        .mtu = scarcity & SCARCITY_MTU ? NET_MTU_MIN_V6 : 1500,
        .vlan = setting & SETTING_VLAN ? VLAN : 0,
        .resolved = (setting & SETTING_RESOLVED) != 0,
    };
    struct tcp_listener listener = {.port = LISTEN_PORT,
                                    .half_open_max = 2,
                                    .connections_max = 3,
                                    .settings = tcp_settings_default};
    uint32_t index;

    habit = (enum habit)(setting >> SETTING_APP_SHIFT);
    listener.settings.timestamps = (setting & SETTING_TIMESTAMPS) != 0;
    listener.settings.window_scale = (setting & SETTING_WSCALE) != 0;
    listener.settings.sack = (setting & SETTING_SACK) != 0;
    memset(last, 0, sizeof last);
    bed_open(&config);
    bed.tx_room = scarcity & SCARCITY_TX ? 1 : PORT_BURST;
    bed.hold_completions = (scarcity & SCARCITY_COMPLETIONS) != 0;
    FUZZ_CHECK(tcp_listen(&bed.tcp, &listener, &index) == TCP_OK);
    if (setting & SETTING_CONNECTS) {
        connect_both(&listener.settings);
    }
    bed_turn();
}

/* Zeros in a segment's numbers mean the next byte and all acknowledged. */
static void make_live(struct bed_packet *packet)
{
    uint8_t *l4 = packet_tcp(packet);
    const struct packet_sight *sight;

    if (l4 == NULL) {
        return;
    }
    sight = &last[l4[1] & 3];
    if (sight->tuple.local_port != 0) {
        be16_store(l4, sight->tuple.remote_port);
        be16_store(l4 + 2, sight->tuple.local_port);
        be32_store(l4 + 4, be32_load(l4 + 4) + sight->seg.ack);
        be32_store(l4 + 8, be32_load(l4 + 8) + sight->seg.seq + tcp_segment_length(&sight->seg));
    }
}

/* From 256 ns to more than an hour. */
static uint64_t time_of(uint8_t code)
{
    return code == 0 ? 0 : ((uint64_t)(code & 7) + 1) << (8 + (code >> 3));
}

static void take_frame(struct input *in)
{
    uint8_t how = input_u8(in);
    uint8_t time = input_u8(in);
    uint16_t length = input_u16(in) % (BED_PACKET_BYTES + 1);
    struct bed_packet *packet = bed_packet();
    const uint8_t *bytes;

    FUZZ_CHECK(packet != NULL);
    packet->length = (uint16_t)input_bytes(in, length, &bytes);
    packet->tight = (how & HOW_TIGHT) != 0;
    memcpy(packet->bytes, bytes, packet->length);
    if (how & HOW_LIVE) {
        make_live(packet);
    }
    packet_mend(packet, how & 15);
    if (how & HOW_BATCH && bed.arrived < BED_BURST) {
        return;
    }
    if (habit == HABIT_LATE) {
        resume_all();
    }
    bed_turn();
    if (time != 0) {
        bed_complete(BED_FRAMES, (time & 1) != 0);
        bed_advance(time_of(time), ADVANCE_TURNS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    open_bed(&in);
    for (unsigned i = 0; i < FRAMES_MAX && in.left > 0; i++) {
        take_frame(&in);
    }
    bed_turn();
    bed_close();
    return 0;
}
