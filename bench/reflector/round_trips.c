#include "bench/reflector/drive.h"

#include "bench/clock.h"
#include "bench/reflector/turn.h"
#include "datapath/util.h"

/* A datagram that has no answer by then is lost: a thousand times what an answer takes,
 * and more than a scheduler makes one wait. */
static const uint64_t lost_after_ns = 100 * NS_PER_MS;
/* The table is looked through this often. */
static const uint64_t look_ns = 10 * NS_PER_MS;

static struct datagram_mark mark_of(const struct drive *drive, uint32_t slot)
{
    return (struct datagram_mark){
        .kind = DATAGRAM_ECHO, .slot = slot, .sequence = drive->slots[slot].sequence};
}

/* A slot's next datagram, in a fresh frame. What can't be sent now is found again as
 * one that has no answer. */
static void send_fresh(struct drive *drive, uint32_t slot)
{
    struct datagram_mark mark;

    drive->slots[slot].sequence++;
    drive->slots[slot].sent_ns = drive->now_ns;
    mark = mark_of(drive, slot);
    (void)drive_send(drive, &mark, drive->worker->options->size);
}

/* The slot of an answer that is awaited, or -1. */
static int slot_of(struct drive *drive, const uint8_t *payload, int bytes)
{
    struct datagram_mark mark;

    if (bytes != (int)drive->worker->options->size) {
        return -1;
    }
    memcpy(&mark, payload, sizeof mark);
    if (mark.kind != DATAGRAM_ECHO || mark.slot >= drive->worker->options->in_flight ||
        drive->slots[mark.slot].sequence != mark.sequence) {
        return -1;
    }
    return (int)mark.slot;
}

static void note(struct drive *drive, uint32_t slot, const uint8_t *payload)
{
    const struct reflector_options *options = drive->worker->options;

    if (options->is_verified) {
        bool is_right = datagram_is_right(payload, options->size);

        drive->result->bytes_verified += is_right ? options->size : 0;
        drive->result->wrong += !is_right;
    }
    if (drive->is_measured) {
        drive->result->round_trips++;
        histogram_add(&drive->result->latency, drive->now_ns - drive->slots[slot].sent_ns);
    }
}

/* The answer becomes the slot's next datagram, where it lies. */
static void send_on(struct drive *drive, const struct port_packet *raw, uint32_t slot)
{
    struct end_worker *worker = drive->worker;
    uint8_t *packet = frame_data(worker->pool, raw->frame) + raw->offset;
    struct datagram_mark mark;

    drive->slots[slot].sequence++;
    drive->slots[slot].sent_ns = drive->now_ns;
    if (worker->xdp->port.tx_room == 0) {
        return;
    }
    mark = mark_of(drive, slot);
    memcpy(packet + DATAGRAM_HEADER_BYTES, &mark, sizeof mark);
    if (worker->options->is_verified) {
        datagram_fill(packet + DATAGRAM_HEADER_BYTES, worker->options->size);
    }
    datagram_turn_back(packet);
    port_send(&worker->xdp->port, raw->frame, raw->offset, raw->length);
}

static void take(struct drive *drive, const struct port_packet *raw)
{
    struct end_worker *worker = drive->worker;
    const uint8_t *packet = frame_data(worker->pool, raw->frame) + raw->offset;
    int bytes = datagram_payload_bytes(packet, raw->length, worker->options->port);
    int slot;

    if (bytes < 0) {
        turn_other(worker, raw, drive->now_ns);
    } else {
        slot = slot_of(drive, packet + DATAGRAM_HEADER_BYTES, bytes);
        if (slot < 0) {
            drive->result->late++;
        } else {
            note(drive, (uint32_t)slot, packet + DATAGRAM_HEADER_BYTES);
            send_on(drive, raw, (uint32_t)slot);
        }
    }
    frame_drop(worker->pool, raw->frame, FRAME_WORKER);
}

static void turn(struct drive *drive)
{
    struct end_worker *worker = drive->worker;
    struct port_packet burst[PORT_BURST];
    unsigned got = port_receive(&worker->xdp->port, burst, worker->options->batch);

    /* After the packets are seen and before they are answered: time of arrival of the
     * one, of departure of the next. */
    drive->now_ns = clock_now_ns();
    for (unsigned i = 0; i < got; i++) {
        take(drive, &burst[i]);
    }
    turn_tick(worker, drive->now_ns);
    port_flush(&worker->xdp->port);
    turn_wait(worker, got > 0, drive->now_ns);
}

static void send_lost(struct drive *drive)
{
    for (uint32_t slot = 0; slot < drive->worker->options->in_flight; slot++) {
        if (drive->now_ns - drive->slots[slot].sent_ns >= lost_after_ns) {
            drive->result->lost++;
            send_fresh(drive, slot);
        }
    }
}

static void run_until(struct drive *drive, uint64_t end_ns)
{
    uint64_t next_look_ns = drive->now_ns + look_ns;

    while (drive->now_ns < end_ns && !end_is_stopping(drive->worker)) {
        turn(drive);
        if (drive->now_ns >= next_look_ns) {
            next_look_ns = drive->now_ns + look_ns;
            send_lost(drive);
        }
    }
}

void drive_round_trips(struct drive *drive)
{
    const struct reflector_options *options = drive->worker->options;
    uint64_t start_ns;
    double cpu_s;

    drive->now_ns = clock_now_ns();
    for (uint32_t slot = 0; slot < options->in_flight; slot++) {
        while (drive->worker->xdp->port.tx_room == 0 && !end_is_stopping(drive->worker)) {
            turn(drive);
        }
        send_fresh(drive, slot);
    }
    port_flush(&drive->worker->xdp->port);
    run_until(drive, drive->now_ns + (uint64_t)(options->warmup_s * 1e9));
    cpu_s = drive_cpu_s();
    start_ns = drive->now_ns;
    drive->is_measured = true;
    run_until(drive, start_ns + (uint64_t)(options->duration_s * 1e9));
    drive->result->seconds = (double)(drive->now_ns - start_ns) / 1e9;
    drive->result->cpu_s = drive_cpu_s() - cpu_s;
    if (drive->result->round_trips == 0) {
        drive->result->failure =
            "Not one answer came: is a reflector on that port, and not "
            "'reflector --one-way'?";
    }
}
