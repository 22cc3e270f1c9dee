#include "bench/reflector/turn.h"

#include "datapath/util.h"

#include <poll.h>
#include <time.h>

/* As echo_server waits by default. */
static const uint64_t spin_ns = 100 * NS_PER_US;
/* The kernel has not taken all that was sent: flush again soon. */
static const uint64_t pending_ns = 50 * NS_PER_US;
/* A sleep is no longer: a driver looks for what was lost. */
static const uint64_t sleep_ns_max = 10 * NS_PER_MS;

/* Answers go where the question came from. A neighbour's answer to a worker may land on
 * another's queue, and there is nobody here to tell of it. */
static void learn_source(struct end_worker *worker, const struct packet *packet)
{
    const uint8_t *ethernet = frame_data(worker->pool, packet->frame) + packet->l2_offset;
    struct mac_addr mac;

    /* Not one that a gateway would have to reach. */
    if (net_source_for(&worker->net, &packet->src) != NULL) {
        memcpy(&mac, ethernet + sizeof mac, sizeof mac);
        (void)net_neighbour_set(&worker->net, &packet->src, &mac);
    }
}

void turn_other(struct end_worker *worker, const struct port_packet *raw, uint64_t now_ns)
{
    struct packet packet;

    switch (net_parse(&worker->net, raw, &packet)) {
    case NET_UDP:
        learn_source(worker, &packet);
        net_port_unreachable(&worker->net, &packet, now_ns);
        break;
    case NET_LOCAL:
        if (!(packet.flags & PACKET_ARP)) {
            learn_source(worker, &packet);
        }
        net_input(&worker->net, &packet, now_ns);
        break;
    default: /* TCP gets no answer here */
        break;
    }
}

static bool may_sleep(struct end_worker *worker, bool was_busy, uint64_t now_ns)
{
    if (was_busy) {
        worker->idle_since_ns = 0;
        return false;
    }
    if (worker->idle_since_ns == 0) {
        worker->idle_since_ns = now_ns;
    }
    return worker->options->place.wait == PLACE_WAIT_SLEEP ||
           (worker->options->place.wait == PLACE_WAIT_ADAPTIVE &&
            now_ns - worker->idle_since_ns >= spin_ns);
}

void turn_wait(struct end_worker *worker, bool was_busy, uint64_t now_ns)
{
    struct pollfd fds[] = {
        {.fd = xsk_socket_fd(&worker->xdp->socket), .events = POLLIN},
        {.fd = worker->stop_fd, .events = POLLIN},
    };
    uint64_t span_ns = port_xdp_is_pending(worker->xdp) ? pending_ns : sleep_ns_max;
    struct timespec span = {0, (long)span_ns};

    if (may_sleep(worker, was_busy, now_ns)) {
        worker->sleeps++;
        (void)ppoll(fds, COUNT_OF(fds), &span, NULL);
    } else if (!was_busy) {
        port_xdp_look(worker->xdp);
    }
}
