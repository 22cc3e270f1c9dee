/*
 * Goal:   no peer, no application and no shortage makes a connection break a rule: its
 *         queues and windows stay consistent, nothing is sent beyond what was offered, the
 *         right edge never moves left, every byte is right, nobody is forgotten, all comes
 *         home; and a peer that behaves at last empties the queue.
 * Method: the input is settings, then steps: of the peers, whose segments are built about
 *         the true numbers of the connection (steps.c), of the application, of time, and
 *         of the port below. Invariants are looked at in each call and packet and after
 *         each turn (life.c, peer.c).
 */
#include "tcp/cc.h"
#include "tcp/seq.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/life.h"
#include "tests/fuzz/steps.h"
#include "tests/fuzz/tune.h"
#include "tests/fuzz/world.h"

#define STEPS_MAX 100u
/* A queue of 16 KiB in segments of TCP_MSS_MIN leaves one round trip after the other, and when
 * it is paced each takes two. */
#define SETTLE_ROUNDS 1500u

/* The first byte of the input. */
enum setting {
    SETTING_V6 = 1 << 0,
    SETTING_TIMESTAMPS = 1 << 1,
    SETTING_SACK = 1 << 2,
    SETTING_WSCALE = 1 << 3,
    SETTING_NODELAY = 1 << 4,
    SETTING_PASSIVE = 1 << 5, /* the first peer is connected when the steps begin */
    SETTING_ACTIVE = 1 << 6,  /* the last one is */
    SETTING_WRAP = 1 << 7,    /* both sequence spaces are about to */
};

/* The third byte, of the peers; its other bits say how their SYNs are. With this one three
 * bytes more follow the settings: inputs of before have none. */
#define SHAPE_MORE 0x80u

/* The first of them: what the connections are given. */
enum more_settings {
    MORE_ECN = 3,      /* off, classic, accurate twice */
    MORE_CC_SHIFT = 2, /* two bits: as before, DCTCP, BBR, as before */
    MORE_PACING = 1 << 4,
    MORE_RATES = 1 << 5,
    MORE_MTU_PROBING_SHIFT = 6, /* two bits: as by default, then enum tcp_mtu_probing */
};

/* The second: how connections begin. */
enum more_opening {
    MORE_SERVES_FAST_OPEN = 1 << 0,
    MORE_ASKS_FAST_OPEN = 1 << 1,
    MORE_COOKIES_SHIFT = 2, /* two bits: enum tcp_cookies, or MORE_LIMITS */
    MORE_SYN_SHIFT = 4,     /* three bits: the flags of ECN of the peers' SYNs */
    MORE_PEER_FAST_OPEN = 1 << 7,
};

/* The third: three bits for the flags of the peers' SYN-ACKs, three for those of their other
 * segments, two for the IP field. */
enum more_peers {
    MORE_FLAGS_SHIFT = 3,
    MORE_FIELD_SHIFT = 6,
};

/* In the place of the cookies: these stand in the last of five bytes more. The first bounds the
 * RTO, the fifth says what of loss recovery is off (tune.h). */
#define MORE_LIMITS 3u

/* The second is the initial window in segments, from 200 on without the option of accurate ECN, the
 * third: */
enum more_sizes {
    LIMITS_MSS = 7,
    LIMITS_NO_DSACK = 1 << 3,
    LIMITS_FIN_WAIT_2_SHIFT = 4, /* two bits */
    LIMITS_R2_SHIFT = 6,         /* two bits */
};

/* The fourth: how ACKs are held, and the cookies, of SYNs and of Fast Open. */
enum more_acks {
    LIMITS_ACK_EVERY = 7,
    LIMITS_ACK_HOLD_SHIFT = 3, /* two bits */
    LIMITS_COOKIES_SHIFT = 5,  /* two bits: enum tcp_cookies */
    LIMITS_NO_COOKIE = 1 << 7,
};

struct world world;

static void on_sent(const uint8_t *packet, uint16_t length)
{
    struct packet_sight sight;

    if (!packet_read(packet, length, &sight)) {
        return;
    }
    for (unsigned i = 0; i < PEERS; i++) {
        if (tuple_equal(&world.peers[i].tuple, &sight.tuple)) {
            peer_hear(&world.peers[i], &sight);
            return;
        }
    }
    fuzz_fail("a segment to nobody", __FILE__, __LINE__);
}

static void open_peer(struct peer *peer, unsigned number, uint8_t setting, uint8_t shape)
{
    static const uint16_t mss[] = {1460, 1000, 536, 88};
    static const uint8_t shifts[] = {0, 2, 7, 14};
    bool v6 = setting & SETTING_V6;

    *peer = (struct peer){
        .tuple = {.local = bed_local(v6),
                  .remote = bed_remote(v6),
                  .local_port = (uint16_t)(number == PEERS - 1 ? 5000 : PEER_LISTEN_PORT),
                  .remote_port = (uint16_t)(40000 + number)},
        .iss = setting & SETTING_WRAP ? UINT32_MAX - 1500 : 1000000,
        .window = 0x4000,
        .mss = mss[shape & 3],
        .wscale = shifts[shape >> 2 & 3],
        .scales = (shape & 16) != 0,
        .sack = (shape & 32) != 0,
        .timestamps = (shape & 64) != 0,
    };
}

static struct tcp_settings settings_of(uint8_t setting, uint8_t buffers)
{
    static const uint32_t bytes[] = {4096, 8192, 16384, 65536};
    struct tcp_settings settings = tcp_settings_default;

    settings.timestamps = (setting & SETTING_TIMESTAMPS) != 0;
    settings.sack = (setting & SETTING_SACK) != 0;
    settings.window_scale = (setting & SETTING_WSCALE) != 0;
    settings.nodelay = (setting & SETTING_NODELAY) != 0;
    settings.receive_buffer = bytes[buffers & 3];
    settings.policy.receive_buffer_max = 4 * settings.receive_buffer;
    settings.send_buffer = bytes[(buffers >> 2 & 3) % 3];
    settings.cc = buffers & 16 ? &tcp_cc_newreno : &tcp_cc_cubic;
    settings.policy.keepalive = (buffers & 32) != 0;
    settings.policy.user_timeout_ms = buffers & 64 ? 3000 : 0;
    settings.policy.ack_delay_ms = buffers & 128 ? 0 : settings.policy.ack_delay_ms;
    return settings;
}

static void take_more_settings(struct tcp_settings *settings, uint8_t more)
{
    static const uint8_t ecn[] = {TCP_ECN_OFF, TCP_ECN_CLASSIC, TCP_ECN_ACCURATE, TCP_ECN_ACCURATE};
    static const struct tcp_cc_ops *const controls[] = {NULL, &tcp_cc_dctcp, &tcp_cc_bbr, NULL};
    const struct tcp_cc_ops *cc = controls[more >> MORE_CC_SHIFT & 3];
    unsigned probing = more >> MORE_MTU_PROBING_SHIFT;

    settings->ecn = ecn[more & MORE_ECN];
    settings->cc = cc ? cc : settings->cc;
    settings->policy.pacing = (more & MORE_PACING) != 0;
    settings->policy.rates = (more & MORE_RATES) != 0;
    if (probing > 0) {
        settings->policy.mtu_probing = (probing - 1) & 3;
    }
}

/* What bounds RTO, windows and segments, and when ACKs go. */
static void take_limits(struct input *in, struct bed_config *config)
{
    static const uint16_t mss[] = {0, TCP_MSS_MIN, 100, 200, 536, 700, 1000, 1460};
    static const uint16_t fin_wait_2_s[] = {TCP_FIN_WAIT_2_S, 1, 5, 3600};
    static const uint8_t r2[] = {TCP_R2_RETRANSMISSIONS, 1, 3, 255};
    static const uint8_t every[] = {TCP_ACK_EVERY_SEGMENTS, 1, 2, 3, 5, 8, 32, 255};
    static const uint64_t hold_ns[] = {TCP_ACK_HOLD_NS, 0, NS_PER_MS, TCP_DELAYED_ACK_NS};
    struct tcp_policy *policy = &world.settings.policy;
    uint8_t rto = input_u8(in);
    uint8_t window = input_u8(in);
    uint8_t sizes = input_u8(in);
    uint8_t acks = input_u8(in);

    tune_recovery(policy, input_u8(in));
    tune_rto(&policy->rto, rto);
    policy->initial_window = 1 + window % 100;
    policy->ecn_option = window < 200;
    policy->dsack = !(sizes & LIMITS_NO_DSACK);
    policy->fin_wait_2_s = fin_wait_2_s[sizes >> LIMITS_FIN_WAIT_2_SHIFT & 3];
    policy->r2 = r2[sizes >> LIMITS_R2_SHIFT];
    world.settings.mss_max = mss[sizes & LIMITS_MSS];
    world.settings.fast_open_no_cookie = (acks & LIMITS_NO_COOKIE) != 0;
    world.syn_cookies = (acks >> LIMITS_COOKIES_SHIFT & 3) % (TCP_COOKIES_ALWAYS + 1);
    config->ack_every = every[acks & LIMITS_ACK_EVERY];
    config->ack_hold_ns = hold_ns[acks >> LIMITS_ACK_HOLD_SHIFT & 3];
}

/* ECN, the other congestion controls, pacing, rates, probes of the MTU, cookies, Fast Open. */
static void take_more(struct input *in, struct bed_config *config)
{
    uint8_t settings = input_u8(in);
    uint8_t opening = input_u8(in);
    uint8_t peers = input_u8(in);

    take_more_settings(&world.settings, settings);
    world.settings.fast_open = (opening & MORE_ASKS_FAST_OPEN) != 0;
    world.fast_opens_max = opening & MORE_SERVES_FAST_OPEN ? 1 : 0;
    world.syn_cookies = opening >> MORE_COOKIES_SHIFT & 3;
    if (world.syn_cookies == MORE_LIMITS) {
        take_limits(in, config);
    }
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *peer = &world.peers[i];

        peer->syn_flags = (uint16_t)((opening >> MORE_SYN_SHIFT & 7) << ACE_SHIFT);
        peer->syn_ack_flags = (uint16_t)((peers & 7) << ACE_SHIFT);
        peer->flags = (uint16_t)((peers >> MORE_FLAGS_SHIFT & 7) << ACE_SHIFT);
        peer->tos = peers >> MORE_FIELD_SHIFT;
        peer->cookies = (opening & MORE_PEER_FAST_OPEN) != 0;
    }
}

static struct life_habits habits_of(uint8_t first, uint8_t second)
{
    return (struct life_habits){
        .echoes = first & 1,
        .retains = first & 2,
        .writes = first & 4,
        .on_open = (enum life_act)((first >> 3) % LIFE_ACTS),
        .on_data = (enum life_act)((second & 7) % LIFE_ACTS),
        .on_eof = (enum life_act)((second >> 3) % LIFE_ACTS),
    };
}

static void open_world(struct input *in)
{
    uint8_t setting = input_u8(in);
    uint8_t buffers = input_u8(in);
    uint8_t shape = input_u8(in);
    uint8_t scarcity = input_u8(in);
    struct life_habits habits;
    struct bed_config config = {
        .events = &life_events,
        .sent = on_sent,
        .turned = life_check_all,
        .frames = BED_FRAMES_MIN + (scarcity & 31) * 3u,
        .mtu = scarcity & 32 ? NET_MTU_MIN_V6 : 1500,
        .resolved = true,
    };

    habits = habits_of(input_u8(in), input_u8(in));
    life_reset(&habits);
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < PEERS; i++) {
        open_peer(&world.peers[i], i, setting, shape);
    }
    config.start_ns =
        bed_start_ns(&world.peers[0].tuple, setting & SETTING_WRAP ? UINT32_MAX - 1500 : 2000000);
    world.settings = settings_of(setting, buffers);
    if (shape & SHAPE_MORE) {
        take_more(in, &config);
    }
    world.tells_duplicates = world.settings.policy.dsack;
    world.tells_ecn_bytes = world.settings.policy.ecn_option;
    bed_open(&config);
    world_listen();
    if (setting & SETTING_PASSIVE) {
        world_handshake(&world.peers[0]);
    }
    if (setting & SETTING_ACTIVE) {
        world_connect(&world.peers[PEERS - 1]);
        world_handshake(&world.peers[PEERS - 1]);
    }
}

/* Whether something is left to be sent that a peer could take. */
static bool is_unsettled(const struct peer *peer)
{
    const struct tcp_conn *conn = peer_view(peer).conn;

    return conn != NULL && tcp_state_is_synchronized((enum tcp_state)conn->state) &&
           tcp_conn_queued(conn) > 0;
}

/* A peer acknowledges all that was sent, with a number, a window and a clock that are
 * taken: none of it is older than what it said before. Nor are they marked: three marks are
 * an ACK in answer (RFC 9768 section 3.2.2.5.1), and while something is sent no time passes. */
static void settle_peer(struct peer *peer)
{
    struct packet_segment seg = peer_segment(peer, TCP_ACK);
    const struct tcp_conn *conn = peer_view(peer).conn;

    seg.tos = 0;
    seg.seq = seq_max(conn->rcv.nxt, conn->snd.wl1);
    seg.window = UINT16_MAX;
    if (tcp_conn_has(conn, TCP_CONN_TIMESTAMPS)) {
        peer_add_timestamps_after(peer, &seg, conn->ts_recent);
    }
    peer_queue(peer, &seg, 0);
}

/* From now on there is enough of everything, and the peers behave. */
static void settle(void)
{
    bool unsettled = true;

    life_calm();
    bed_turn();
    bed_steal(0);
    bed.hold_completions = false;
    bed.tx_room = PORT_BURST;
    bed_turn();
    for (unsigned round = 0; unsettled; round++) {
        uint64_t sent = bed.port.counters.tx_packets;

        FUZZ_CHECK(round < SETTLE_ROUNDS);
        unsettled = false;
        for (unsigned i = 0; i < PEERS; i++) {
            if (is_unsettled(&world.peers[i])) {
                settle_peer(&world.peers[i]);
                unsettled = true;
            }
        }
        bed_turn();
        if (bed.port.counters.tx_packets == sent && bed_next_ns() != UINT64_MAX) {
            bed_advance(bed_next_ns() > bed.now_ns ? bed_next_ns() - bed.now_ns : 0, 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    open_world(&in);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step_take(&in);
    }
    settle();
    bed_close();
    return 0;
}
