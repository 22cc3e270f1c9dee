/* What passes between workers, from the side of one of them: packets for flows
 * that another one owns, and neighbours that one has heard. */
#include "api/stack.h"

#include <netinet/in.h>

void worker_tell_neighbour(struct tcp *tcp, const struct packet *packet)
{
    struct hr_worker *worker = tcp->app;
    struct hr_stack *stack = worker->stack;
    const uint8_t *arp = frame_data(worker->pool, packet->frame) + packet->l3_offset;

    for (unsigned i = 0; i < stack->worker_count; i++) {
        if (i != worker->index && rumour_tell(stack_rumours(stack, worker->index, i), arp)) {
            worker->to_wake |= (uint64_t)1 << i;
        }
    }
}

void worker_hear_neighbours(struct hr_worker *worker, uint64_t now_ns)
{
    struct hr_stack *stack = worker->stack;
    uint8_t arp[RUMOUR_BYTES];

    for (unsigned i = 0; i < stack->worker_count; i++) {
        while (i != worker->index && rumour_hear(stack_rumours(stack, i, worker->index), arp)) {
            net_neighbour_hear(&worker->net, arp, now_ns);
        }
    }
}

void worker_wake_others(struct hr_worker *worker)
{
    while (worker->to_wake != 0) {
        unsigned i = (unsigned)__builtin_ctzll(worker->to_wake);
        struct mailbox *mailbox = &worker->stack->workers[i].mailbox;

        worker->to_wake &= worker->to_wake - 1;
        if (atomic_load(&mailbox->sleeping)) {
            mailbox_wake(mailbox);
        }
    }
}

/* A burst of one giver. Only segments and ICMP errors cross. */
static unsigned take_from(struct hr_worker *worker, struct crossing *ring, uint64_t now_ns)
{
    struct packet packets[PORT_BURST];
    const struct packet *segments[PORT_BURST];
    unsigned count = 0;
    unsigned segment_count = 0;
    int taken;

    while (count < PORT_BURST &&
           (taken = crossing_take(ring, worker->pool, &packets[count])) != 0) {
        if (taken < 0) {
            worker->crossed_dropped++;
            continue;
        }
        if (packets[count].protocol == IPPROTO_TCP) {
            segments[segment_count++] = &packets[count];
        } else {
            net_input(&worker->net, &packets[count], now_ns);
        }
        count++;
    }
    tcp_input_burst(&worker->tcp, segments, segment_count);
    for (unsigned i = 0; i < count; i++) {
        frame_drop(worker->pool, packets[i].frame, FRAME_WORKER);
    }
    return count;
}

bool worker_take_crossings(struct hr_worker *worker, uint64_t now_ns)
{
    struct hr_stack *stack = worker->stack;
    unsigned count = 0;

    for (unsigned i = 0; i < stack->worker_count; i++) {
        if (i != worker->index) {
            crossing_reap(stack_crossing(stack, worker->index, i), worker->pool);
            count += take_from(worker, stack_crossing(stack, i, worker->index), now_ns);
        }
    }
    return count > 0;
}
