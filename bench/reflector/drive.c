#include "bench/reflector/drive.h"

#include "bench/clock.h"
#include "bench/reflector/turn.h"
#include "datapath/util.h"

#include <netinet/in.h>
#include <sys/resource.h>

/* ARP asks three times, a second apart. */
static const uint64_t resolve_ns_max = 3 * NS_PER_S;

double drive_cpu_s(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* All that comes before there is anything of ours. */
static void turn_others(struct drive *drive)
{
    struct end_worker *worker = drive->worker;
    struct port_packet burst[PORT_BURST];
    unsigned got = port_receive(&worker->xdp->port, burst, PORT_BURST);

    for (unsigned i = 0; i < got; i++) {
        turn_other(worker, &burst[i], drive->now_ns);
        frame_drop(worker->pool, burst[i].frame, FRAME_WORKER);
    }
    turn_tick(worker, drive->now_ns);
    port_flush(&worker->xdp->port);
    turn_wait(worker, got > 0, drive->now_ns);
}

static void write_header(struct drive *drive, const struct net_path *path)
{
    const struct reflector_options *options = drive->worker->options;
    uint16_t ports[2] = {options->port, options->target_port};
    struct net_header header = {
        .local = &options->addresses[options->source].addr,
        .remote = &options->target,
        .protocol = IPPROTO_UDP,
        .ttl = NET_TTL,
        .l4_length = (uint16_t)(UDP_HEADER_BYTES + options->size),
    };
    uint8_t *udp = drive->header + DATAGRAM_HEADER_BYTES - UDP_HEADER_BYTES;

    (void)net_header_write(&drive->worker->net, path, &header, udp);
    datagram_write_udp(udp, ports, options->size);
}

bool drive_find_target(struct drive *drive)
{
    struct net *net = &drive->worker->net;
    uint64_t end_ns = clock_now_ns() + resolve_ns_max;
    struct net_path path;

    if (net_path_find(net, &drive->worker->options->target, &path) != 0) {
        drive->result->failure = "The target is no address that another host may have.";
        return false;
    }
    for (;;) {
        drive->now_ns = clock_now_ns();
        switch (net_path_check(net, &path, drive->now_ns)) {
        case NET_PATH_READY:
            write_header(drive, &path);
            return true;
        case NET_PATH_WAIT:
            break;
        default:
            (void)net_path_find(net, &drive->worker->options->target, &path);
            break;
        }
        if (drive->now_ns >= end_ns || end_is_stopping(drive->worker)) {
            drive->result->failure = "The target does not answer ARP: is a reflector there?";
            return false;
        }
        turn_others(drive);
    }
}

bool drive_send(struct drive *drive, const struct datagram_mark *mark, unsigned bytes)
{
    struct end_worker *worker = drive->worker;
    struct port *port = &worker->xdp->port;
    uint32_t frame;
    uint8_t *packet;

    if (port->tx_room == 0) {
        return false;
    }
    frame = frame_take(worker->pool, FRAME_BUDGET_DATA, FRAME_WORKER);
    if (frame == FRAME_NONE) {
        return false;
    }
    packet = frame_data(worker->pool, frame) + FRAME_HEADROOM;
    memcpy(packet, drive->header, DATAGRAM_HEADER_BYTES);
    memcpy(packet + DATAGRAM_HEADER_BYTES, mark, sizeof *mark);
    if (worker->options->is_verified) {
        datagram_fill(packet + DATAGRAM_HEADER_BYTES, bytes);
    }
    port_send(port, frame, FRAME_HEADROOM, (uint16_t)(DATAGRAM_HEADER_BYTES + bytes));
    frame_drop(worker->pool, frame, FRAME_WORKER);
    return true;
}
