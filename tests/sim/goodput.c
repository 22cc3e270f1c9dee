/*
 * goodput [--seconds N] [--control NAME] [--part table|fairness|losses|marks|acks] | --check
 *
 * Goal:   a single flow uses the line that it has, with each congestion control; under
 *         random loss it gets what the response function of its RFC says, or it is known why
 *         not; with marks (ECN) queues stay short; two own flows share evenly; receivers that
 *         acknowledge rarely do not hold up senders that count few segments for an ACK.
 * Method: two stacks over the in-memory wire in virtual time (flows.h). The first second does
 *         not count, but for acks. --check is the part without loss on one line, which CI can
 *         afford, with its bound, and one line with marks; else tables are printed.
 */
#include "tests/sim/flows.h"

#include "datapath/net/checksum.h"
#include "datapath/util.h"
#include "datapath/wire/random.h"
#include "tcp/cc.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a line, what payload can have: the headers are not goodput. */
static const double payload_part = FLOWS_MSS / FLOWS_PACKET_BYTES;

#define FAIRNESS_RUNS 5u
#define ROUNDS 200000u

/* What --part, --control and --seconds say; `only` is a name, or NULL for all. */
struct wish {
    const char *part;
    const char *only;
    double seconds;
};

static struct flows_plan plan_of(const struct flows_line *line, const char *name, double seconds)
{
    const struct flows_plan plan = {
        .line = *line, .cc = tcp_cc_find(name), .flows = 1, .skip_s = 1, .seconds = seconds};

    return plan;
}

static bool is_wished(const struct wish *wish, const char *name)
{
    return !wish->only || strcmp(wish->only, name) == 0;
}

/* Mbit/s that the response function gives: RFC 9438 section 5.1, with C of 0.4, and where
 * that is less Reno's, which also is all others'. */
static double response(const struct flows_line *line, const char *name)
{
    double rtt_s = line->rtt_ms / 1e3;
    double reno = 1.22 / sqrt(line->loss);
    double cubic = 1.054 * pow(rtt_s / line->loss, 0.75);
    double window = strcmp(name, "cubic") == 0 ? fmax(reno, cubic) : reno;

    return window * FLOWS_MSS * 8 / rtt_s / 1e6;
}

static void print_row(const struct flows_line *line, const char *name, double seconds)
{
    const struct flows_plan plan = plan_of(line, name, seconds);
    double share = line->mbits * payload_part;
    struct flows_result result;
    double mbits;

    flows_run(&plan, &result);
    mbits = result.mbits[0];
    (void)printf("| %.0f | %.0f | %.1f | %s | %.2f | %.2f |", line->mbits, line->rtt_ms,
                 line->loss * 100, name, mbits, mbits / share);
    if (line->loss > 0) {
        double expected = fmin(response(line, name), share);

        (void)printf(" %.2f | %.2f |\n", expected, mbits / expected);
    } else {
        (void)printf(" | |\n");
    }
    (void)fflush(stdout);
}

static void print_table(const struct wish *wish)
{
    static const double rates[] = {10, 100, 1000};
    static const double rtts[] = {1, 20, 100};
    static const double losses[] = {0, 0.001, 0.01, 0.03};

    (void)printf(
        "| Mbit/s | RTT, ms | loss, %% | control | goodput, Mbit/s | of the line | "
        "expected under loss | of it |\n|---:|---:|---:|---|---:|---:|---:|---:|\n");
    for (unsigned i = 0; i < COUNT_OF(rates) * COUNT_OF(rtts) * COUNT_OF(losses); i++) {
        const struct flows_line line = {
            .mbits = rates[i / 12], .rtt_ms = rtts[i / 4 % 3], .loss = losses[i % 4]};

        for (const char *const *name = tcp_cc_names; *name; name++) {
            if (is_wished(wish, *name)) {
                print_row(&line, *name, wish->seconds);
            }
        }
    }
}

/* Nothing here is random: how a queue that drops its tail falls between the rounds of two flows
 * stays so for minutes. So the second begins at another time in each run. */
static void print_shares(const char *name, double seconds)
{
    double first = 0;

    (void)printf("| %s |", name);
    for (unsigned i = 0; i < FAIRNESS_RUNS; i++) {
        const struct flows_line line = {.mbits = 100, .rtt_ms = 20, .apart_ms = 137.3 * i};
        struct flows_plan plan = plan_of(&line, name, 10 * seconds);
        struct flows_result result;
        double share;

        plan.flows = 2;
        flows_run(&plan, &result);
        share = result.mbits[0] / (result.mbits[0] + result.mbits[1]);
        first += share;
        (void)printf(" %.3f", share);
        (void)fflush(stdout);
    }
    (void)printf(" | %.3f |\n", first / FAIRNESS_RUNS);
}

static void print_fairness(const struct wish *wish)
{
    (void)printf(
        "\n| two flows | share of the first, in each of %u runs | of all |\n"
        "|---|---|---:|\n",
        FAIRNESS_RUNS);
    for (const char *const *name = tcp_cc_names; *name; name++) {
        if (is_wished(wish, *name)) {
            print_shares(*name, wish->seconds);
        }
    }
}

/* So many of `segments` are lost. */
static unsigned lose(struct random *random, unsigned segments, double loss)
{
    unsigned lost = 0;

    for (unsigned i = 0; i < segments; i++) {
        lost += random_chance(random, (uint32_t)lround(loss * 1e6));
    }
    return lost;
}

/* Segments that arrive in a round trip, of Reno in whole rounds: a window of whole segments, one
 * more of it a round, half of it for all that a round loses, which goes again in the next rounds
 * beside what is new. The response function knows neither whole segments nor these rounds. */
static double reno_in_rounds(double loss)
{
    struct random random;
    unsigned window = 10;
    double arrived = 0;

    random_init(&random, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned lost = lose(&random, window, loss);

        arrived += window - lost;
        window = lost > 0 ? (unsigned)fmax(window / 2.0, 2) : window + 1;
        for (; lost > 0 && round < ROUNDS; round++) {
            unsigned again = lost < window ? lost : window;
            unsigned lost_again = lose(&random, again, loss);

            arrived += window - lost_again;
            lost = lost - again + lost_again;
        }
    }
    return arrived / ROUNDS;
}

/* Where the goodput under loss goes: the window, the round trip, and timeouts. */
static void print_losses(const struct wish *wish)
{
    static const struct flows_line lines[] = {
        {.mbits = 100, .rtt_ms = 1, .loss = 0.01},  {.mbits = 10, .rtt_ms = 20, .loss = 0.03},
        {.mbits = 100, .rtt_ms = 1, .loss = 0.03},  {.mbits = 1000, .rtt_ms = 1, .loss = 0.03},
        {.mbits = 100, .rtt_ms = 20, .loss = 0.03},
    };

    (void)printf(
        "\n| Mbit/s | RTT, ms | loss, %% | control | Mbit/s | lost | sent again | timeouts | "
        "segments in flight | 1.22 / sqrt(p) | Reno in rounds | RTT as measured, ms |\n"
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for (unsigned i = 0; i < 2 * COUNT_OF(lines); i++) {
        const struct flows_line *line = &lines[i / 2];
        const char *name = i % 2 == 0 ? "cubic" : "newreno";
        const struct flows_plan plan = plan_of(line, name, wish->seconds);
        struct flows_result result;

        if (!is_wished(wish, name)) {
            continue;
        }
        flows_run(&plan, &result);
        (void)printf("| %.0f | %.0f | %.0f | %s | %.2f | %" PRIu64 " | %" PRIu64 " | %" PRIu64
                     " | %.2f | %.2f | %.2f | %.2f |\n",
                     line->mbits, line->rtt_ms, line->loss * 100, name, result.mbits[0],
                     result.lost, result.sender.retransmissions, result.sender.rto_expired,
                     result.window, 1.22 / sqrt(line->loss), reno_in_rounds(line->loss),
                     result.rtt_ms);
        (void)fflush(stdout);
    }
}

/* RFC 8257 section 4.1 asks for marks from about a seventh of what the line holds on; ten packets
 * at least, for bursts. */
static double mark_from(const struct flows_line *line)
{
    return fmax(10, round(flows_round_trip_bytes(line) / 7 / FLOWS_PACKET_BYTES));
}

static void print_marked(const struct flows_line *line, const char *name, enum tcp_ecn_mode ecn,
                         double seconds)
{
    static const char *const modes[] = {"none", "classic", "accurate"};
    struct flows_plan plan = plan_of(line, name, seconds);
    struct flows_result result;

    plan.ecn = ecn;
    flows_run(&plan, &result);
    (void)printf("| %.0f | %.0f | %.0f | %s | %s | %.2f | %.2f | %.2f | %" PRIu64 " | %" PRIu64
                 " | %" PRIu64 " |\n",
                 line->mbits, line->rtt_ms, line->mark_packets, name, modes[ecn], result.mbits[0],
                 result.queue_ms, result.queue_ms_most, result.marked, result.sender.ecn_reductions,
                 result.dropped);
    (void)fflush(stdout);
}

static void print_marks(const struct wish *wish)
{
    static const struct flows_line lines[] = {
        {.mbits = 100, .rtt_ms = 1},
        {.mbits = 1000, .rtt_ms = 1},
        {.mbits = 100, .rtt_ms = 20},
    };
    static const struct {
        const char *name;
        enum tcp_ecn_mode ecn;
    } senders[] = {
        {"cubic", TCP_ECN_OFF},     {"cubic", TCP_ECN_CLASSIC},  {"newreno", TCP_ECN_CLASSIC},
        {"dctcp", TCP_ECN_CLASSIC}, {"dctcp", TCP_ECN_ACCURATE},
    };

    (void)printf(
        "\n| Mbit/s | RTT, ms | marks from, packets | control | ECN | goodput, Mbit/s | "
        "queue, ms | at worst | marked | reductions | dropped |\n"
        "|---:|---:|---:|---|---|---:|---:|---:|---:|---:|---:|\n");
    for (unsigned i = 0; i < COUNT_OF(lines) * COUNT_OF(senders); i++) {
        struct flows_line line = lines[i / COUNT_OF(senders)];
        unsigned sender = i % COUNT_OF(senders);

        line.mark_packets = mark_from(&line);
        if (is_wished(wish, senders[sender].name)) {
            print_marked(&line, senders[sender].name, senders[sender].ecn, wish->seconds);
        }
    }
}

/* FreeBSD's rule in slow start: no ACK counts for more than two segments. */
static void acked_two(struct tcp_conn *conn, uint32_t bytes, uint64_t rtt_ns)
{
    if (conn->cwnd < conn->ssthresh) {
        bytes = min_u32(bytes, 2u * conn->snd.mss);
    }
    tcp_cc_cubic.acked(conn, bytes, rtt_ns);
}

static void print_acks(void)
{
    static const double rates[] = {100, 1000, 0};
    static const uint32_t every[] = {2, 8, 16};
    struct tcp_cc_ops two = tcp_cc_cubic;

    two.acked = acked_two;
    (void)printf(
        "\n| Mbit/s, 20 ms | an ACK counts for | segments for an ACK | 100 kB, ms | 1 MB, ms |\n"
        "|---:|---|---:|---:|---:|\n");
    for (unsigned i = 0; i < COUNT_OF(rates) * 2 * COUNT_OF(every); i++) {
        bool limited = i / COUNT_OF(every) % 2 == 1;
        struct flows_plan plan = {
            .line = {.mbits = rates[i / (2 * COUNT_OF(every))], .rtt_ms = 20},
            .cc = limited ? &two : &tcp_cc_cubic,
            .flows = 1,
            .ack_every = every[i % COUNT_OF(every)],
            .seconds = 1,
        };
        struct flows_result result;

        flows_run(&plan, &result);
        (void)printf("| %.0f | %s | %" PRIu32 " | %.1f | %.1f |\n", plan.line.mbits,
                     limited ? "two" : "all", plan.ack_every, result.goal_ms[0], result.goal_ms[1]);
    }
}

/* With marks: no less of the line, nothing dropped, and the queue not beyond where they begin. */
static int check_marks(void)
{
    struct flows_line line = {.mbits = 100, .rtt_ms = 20};
    struct flows_plan plan;
    struct flows_result result;
    double mark_ms;

    line.mark_packets = mark_from(&line);
    mark_ms = line.mark_packets * FLOWS_PACKET_BYTES / line.mbits / 125;
    plan = plan_of(&line, "dctcp", 5);
    plan.skip_s = 3; /* the first mark halves, and the window comes back by a segment a round */
    flows_run(&plan, &result);
    (void)printf("dctcp with marks: %.2f Mbit/s of %.0f, %.2f ms of queue, %" PRIu64 " dropped\n",
                 result.mbits[0], line.mbits, result.queue_ms, result.dropped);
    if (result.mbits[0] < 0.9 * line.mbits || result.dropped > 0 || result.marked == 0 ||
        result.sender.ecn_reductions == 0 || result.queue_ms > mark_ms) {
        (void)printf("dctcp: less than 0.9 of the line, drops, no marks, or a queue above them\n");
        return 1;
    }
    return 0;
}

static int check(void)
{
    const struct flows_line line = {.mbits = 100, .rtt_ms = 20};
    int result = check_marks();

    for (const char *const *name = tcp_cc_names; *name; name++) {
        const struct flows_plan plan = plan_of(&line, *name, 5);
        struct flows_result got;

        flows_run(&plan, &got);
        (void)printf("%s: %.2f Mbit/s of %.0f\n", *name, got.mbits[0], line.mbits);
        if (got.mbits[0] < 0.9 * line.mbits) {
            (void)printf("%s: less than 0.9 of the line\n", *name);
            result = 1;
        }
    }
    return result;
}

static void print_parts(const struct wish *wish)
{
    bool all = *wish->part == '\0';

    if (all || strcmp(wish->part, "table") == 0) {
        print_table(wish);
    }
    if (all || strcmp(wish->part, "fairness") == 0) {
        print_fairness(wish);
    }
    if (all || strcmp(wish->part, "losses") == 0) {
        print_losses(wish);
    }
    if (all || strcmp(wish->part, "marks") == 0) {
        print_marks(wish);
    }
    if (all || strcmp(wish->part, "acks") == 0) {
        print_acks();
    }
}

int main(int argc, char **argv)
{
    struct wish wish = {.part = "", .seconds = 20};
    int i;

    checksum_init();
    if (argc == 2 && strcmp(argv[1], "--check") == 0) {
        return check();
    }
    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) {
            wish.seconds = atof(argv[i + 1]);
        } else if (strcmp(argv[i], "--control") == 0 && tcp_cc_find(argv[i + 1])) {
            wish.only = argv[i + 1];
        } else if (strcmp(argv[i], "--part") == 0) {
            wish.part = argv[i + 1];
        } else {
            break;
        }
    }
    if (i != argc) {
        bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

        (void)fprintf(help ? stdout : stderr,
                      "usage: goodput [--seconds N] [--control NAME] "
                      "[--part table|fairness|losses|marks|acks] | --check\n");
        return help ? 0 : 2;
    }
    print_parts(&wish);
    return 0;
}
