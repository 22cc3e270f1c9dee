#include "bench/micro/attack.h"

#include "datapath/util.h"
#include "tcp/emit.h"
#include "tcp/input.h"
#include "tcp/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define RECORDS (TCP_SENDQ_RECORDS_MAX - TCP_SENDQ_TEXT)
#define BLOCKS 4u
#define ACKS (RECORDS / 2 / BLOCKS)

/* Virtual time between ACKs: of a peer that sends them as fast as it can. */
static const uint64_t turn_ns = 1000;

struct attack {
    struct server *server;
    struct clients *clients;
    struct tcp_conn *conn;
    uint32_t una;
    uint64_t cycles[ACKS];
};

static void turn(struct attack *attack)
{
    attack->server->now_ns += turn_ns;
    server_turn(attack->server);
    (void)clients_read(attack->clients);
}

/* A segment of one byte each: as many as a queue takes. */
static int fill(struct attack *attack)
{
    struct tcp_conn *conn = attack->conn;

    conn->snd.wnd = 1u << 20;
    conn->snd.wnd_max = conn->snd.wnd;
    conn->send_buffer = 1u << 24; /* frames are counted, too */
    tcp_set_nodelay(conn, true);
    attack->una = conn->snd.una;
    for (unsigned i = 0; i < RECORDS; i++) {
        conn->cwnd = 1u << 24;
        if (tcp_send(conn, "", 1) != 1) {
            return -1;
        }
        turn(attack);
    }
    return conn->snd.nxt - conn->snd.una == RECORDS ? 0 : -1;
}

static struct tcp_segment ack_of(const struct attack *attack, uint32_t acked)
{
    const struct tcp_conn *conn = attack->conn;

    return (struct tcp_segment){
        .seq = conn->rcv.nxt,
        .ack = attack->una + acked,
        .window = 65535,
        .flags = TCP_ACK,
        .options_seen = TCP_OPT_TIMESTAMPS,
        .ts_val = conn->ts_recent,
        .ts_ecr = tcp_timestamp(conn),
        .payload = {.frame = FRAME_NONE},
    };
}

/* Every second byte, in an order that never comes near the one before. */
static struct tcp_segment scattered(const struct attack *attack, unsigned i)
{
    struct tcp_segment seg = ack_of(attack, 0);

    seg.options_seen |= TCP_OPT_SACK;
    seg.sack_count = BLOCKS;
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint32_t at = 2 * ((i * BLOCKS + b) * 1031u % (RECORDS / 2)) + 1;

        seg.sack[b] = (struct tcp_sack_block){attack->una + at, attack->una + at + 1};
    }
    return seg;
}

/* Growing from the middle of what is SACKed: each joins what was apart before. */
static struct tcp_segment growing(const struct attack *attack, unsigned i)
{
    struct tcp_segment seg = ack_of(attack, 0);
    uint32_t half = (i + 1) * (RECORDS / 2 / ACKS);

    seg.options_seen |= TCP_OPT_SACK;
    seg.sack_count = 1;
    seg.sack[0] = (struct tcp_sack_block){attack->una + RECORDS / 2 - half + 1,
                                          attack->una + RECORDS / 2 + half};
    return seg;
}

/* All that there is, again and again. */
static struct tcp_segment whole(const struct attack *attack, unsigned i)
{
    struct tcp_segment seg = ack_of(attack, 0);

    (void)i;
    seg.options_seen |= TCP_OPT_SACK;
    seg.sack_count = BLOCKS;
    for (unsigned b = 0; b < BLOCKS; b++) {
        seg.sack[b] = (struct tcp_sack_block){attack->una + 1 + b, attack->una + RECORDS};
    }
    return seg;
}

static struct tcp_segment in_order(const struct attack *attack, unsigned i)
{
    return ack_of(attack, (i + 1) * (RECORDS / ACKS));
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void run(struct attack *attack, const char *name,
                struct tcp_segment (*next)(const struct attack *attack, unsigned i))
{
    for (unsigned i = 0; i < ACKS; i++) {
        struct tcp_segment seg = next(attack, i);
        uint64_t start;

        tcp_turn_begin(&attack->server->tcp, attack->server->now_ns);
        start = __rdtsc();
        tcp_input_connection(attack->conn, &seg);
        attack->cycles[i] = __rdtsc() - start;
        turn(attack);
    }
    qsort(attack->cycles, ACKS, sizeof attack->cycles[0], compare);
    (void)printf("%-44s  %7llu  %9llu\n", name, (unsigned long long)attack->cycles[ACKS / 2],
                 (unsigned long long)attack->cycles[ACKS * 99 / 100]);
}

int attack_run(struct server *server, struct clients *clients)
{
    static struct attack attack;

    attack = (struct attack){.server = server, .clients = clients};
    attack.conn = slab_at(&server->tcp.conns, 0);
    if (fill(&attack) != 0) {
        return -1;
    }
    (void)printf("cycles of an ACK, %u segments in flight         median  99 of 100\n", RECORDS);
    run(&attack, "four new blocks far apart", scattered);
    run(&attack, "the same once more", scattered);
    run(&attack, "a block that grows over them from the middle", growing);
    run(&attack, "all of it, again and again", whole);
    run(&attack, "eight segments acknowledged in order", in_order);
    return 0;
}
