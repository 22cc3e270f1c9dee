#include "bench/micro/sizes.h"

#include "datapath/util.h"
#include "tcp/conn.h"
#include "tcp/flight.h"
#include "tcp/tcp.h"
#include "tcp/timewait.h"

#include <stddef.h>
#include <stdio.h>

/* What stands in a structure from one member up to another. */
struct part {
    const char *subsystem;
    size_t from;
    size_t end;
};

static void print_parts(const char *title, const struct part *parts, unsigned count)
{
    (void)printf("%5zu  %s\n", parts[count - 1].end, title);
    for (unsigned i = 0; i < count; i++) {
        (void)printf("%13zu  %s\n", parts[i].end - parts[i].from, parts[i].subsystem);
    }
}

#define PART(name, type, from, to)                                                                 \
    {                                                                                              \
        name, offsetof(type, from), offsetof(type, to)                                             \
    }
#define LAST_PART(name, type, from)                                                                \
    {                                                                                              \
        name, offsetof(type, from), sizeof(type)                                                   \
    }

void sizes_print(void)
{
    static const struct part idle[] = {
        PART("tuple, state, flags", struct tcp_conn, tuple, snd),
        PART("send and receive variables", struct tcp_conn, snd, flight),
        PART("congestion window, timestamps, path", struct tcp_conn, flight, output_link),
        PART("transmit list, timers", struct tcp_conn, output_link, rtt),
        PART("round-trip time", struct tcp_conn, rtt, ecn),
        PART("ECN", struct tcp_conn, ecn, last_send_ns),
        PART("application, what it may ask for", struct tcp_conn, last_send_ns, reassembly),
        PART("reassembly, receive queue", struct tcp_conn, reassembly, kept),
        PART("text kept", struct tcp_conn, kept, cc_state),
        PART("congestion control", struct tcp_conn, cc_state, challenge_ms),
        LAST_PART("challenges, listener", struct tcp_conn, challenge_ms),
    };
    static const struct part flight[] = {
        PART("what a needless recovery is undone with", struct tcp_flight, undo, rto_base_ns),
        PART("loss recovery", struct tcp_flight, rto_base_ns, sendq),
        PART("send queue, with its first records", struct tcp_flight, sendq, prr),
        LAST_PART("rate reduction, HyStart++, MTU probe, IsLost()", struct tcp_flight, prr),
    };

    (void)printf("\nbytes per connection, by subsystem; no frame\n");
    print_parts("an idle connection", idle, COUNT_OF(idle));
    (void)printf("%5u  its share of the table of connections, 4 of 7 entries in use\n",
                 CACHE_LINE_BYTES / 4);
    print_parts("more while data is in flight", flight, COUNT_OF(flight));
    (void)printf("%5zu  more once it is paced\n", sizeof(struct tcp_pacing));
    (void)printf("%5zu  more once delivery rates are sampled\n", sizeof(struct tcp_rate));
    (void)printf("%5zu  more once it has BBR\n", sizeof(struct tcp_bbr));
    (void)printf("%5zu  more once something happens that mostly does not\n",
                 sizeof(struct tcp_mishaps));
    (void)printf("%5zu  instead, in TIME-WAIT\n", sizeof(struct timewait_entry));
}
