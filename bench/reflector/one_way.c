#include "bench/reflector/drive.h"

#include "bench/clock.h"
#include "bench/reflector/turn.h"
#include "datapath/util.h"

/* Asked for again after so long, forty times at the most. */
static const uint64_t report_again_ns = 50 * NS_PER_MS;
static const uint64_t report_ns_max = 2 * NS_PER_S;

/* True when it is the report that is asked for; then it is in *report. */
static bool take(struct drive *drive, const struct port_packet *raw, uint64_t sequence,
                 struct datagram_report *report)
{
    struct end_worker *worker = drive->worker;
    const uint8_t *packet = frame_data(worker->pool, raw->frame) + raw->offset;
    const uint8_t *payload = packet + DATAGRAM_HEADER_BYTES;
    int bytes = datagram_payload_bytes(packet, raw->length, worker->options->port);
    struct datagram_mark mark = {0};
    bool found;

    if (bytes < 0) {
        turn_other(worker, raw, drive->now_ns);
    } else if (bytes >= (int)DATAGRAM_REPORT_BYTES) {
        memcpy(&mark, payload, sizeof mark);
    }
    found = mark.kind == DATAGRAM_REPORT && mark.sequence == sequence;
    if (found) {
        memcpy(report, payload + sizeof mark, sizeof *report);
    }
    frame_drop(worker->pool, raw->frame, FRAME_WORKER);
    return found;
}

static bool receive(struct drive *drive, uint64_t sequence, struct datagram_report *report)
{
    struct port_packet burst[PORT_BURST];
    unsigned got = port_receive(&drive->worker->xdp->port, burst, PORT_BURST);
    bool found = false;

    drive->now_ns = clock_now_ns();
    for (unsigned i = 0; i < got; i++) {
        found |= take(drive, &burst[i], sequence, report);
    }
    turn_tick(drive->worker, drive->now_ns);
    return found;
}

/* It comes behind all that was sent before, so it counts that too. */
static bool ask(struct drive *drive, uint64_t sequence, struct datagram_report *report)
{
    struct datagram_mark mark = {.kind = DATAGRAM_ASK, .sequence = sequence};
    uint64_t end_ns = clock_now_ns() + report_ns_max;
    uint64_t again_ns = 0;

    do {
        if (end_is_stopping(drive->worker)) {
            return false;
        }
        drive->now_ns = clock_now_ns();
        if (drive->now_ns >= again_ns) {
            /* At least as large as a report: the rest of the payload is not looked at. */
            (void)drive_send(drive, &mark, drive->worker->options->size);
            again_ns = drive->now_ns + report_again_ns;
        }
        port_flush(&drive->worker->xdp->port);
        if (receive(drive, sequence, report)) {
            return true;
        }
    } while (drive->now_ns < end_ns);
    drive->result->failure =
        "The target does not say what it has counted: is a 'reflector --one-way' there?";
    return false;
}

static void flood_until(struct drive *drive, uint64_t end_ns)
{
    const struct reflector_options *options = drive->worker->options;
    struct port *port = &drive->worker->xdp->port;
    struct datagram_mark mark = {.kind = DATAGRAM_COUNT};
    struct datagram_report unused;

    while (drive->now_ns < end_ns && !end_is_stopping(drive->worker)) {
        for (unsigned i = 0; i < options->batch; i++) {
            mark.sequence = drive->result->sent;
            if (!drive_send(drive, &mark, options->size)) {
                break;
            }
            drive->result->sent++;
        }
        port_flush(port);
        (void)receive(drive, 0, &unused);
    }
}

/* What the target has counted between its two reports. */
static void take_counts(struct drive_result *result, const struct datagram_report *before,
                        const struct datagram_report *after)
{
    struct datagram_report counted = {.packets = after->packets - before->packets,
                                      .bytes = after->bytes - before->bytes,
                                      .wrong = after->wrong - before->wrong};

    if (counted.packets > result->sent || counted.wrong > counted.packets) {
        result->failure =
            "The target has counted what this driver did not send: does another drive it?";
        return;
    }
    result->counted = counted;
    result->wrong = counted.wrong;
    result->lost = result->sent - counted.packets;
}

void drive_one_way(struct drive *drive)
{
    const struct reflector_options *options = drive->worker->options;
    struct drive_result *result = drive->result;
    struct datagram_report before;
    struct datagram_report after;
    uint64_t start_ns;
    double cpu_s;

    drive->now_ns = clock_now_ns();
    flood_until(drive, drive->now_ns + (uint64_t)(options->warmup_s * 1e9));
    if (!ask(drive, 1, &before)) {
        return;
    }
    start_ns = drive->now_ns;
    cpu_s = drive_cpu_s();
    result->sent = 0;
    flood_until(drive, start_ns + (uint64_t)(options->duration_s * 1e9));
    if (!ask(drive, 2, &after)) {
        return;
    }
    result->seconds = (double)(drive->now_ns - start_ns) / 1e9;
    result->cpu_s = drive_cpu_s() - cpu_s;
    take_counts(result, &before, &after);
}
