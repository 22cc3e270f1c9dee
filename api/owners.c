/* Whose flow is it: the directory for accepted ones, the local port for those that
 * we opened; and what crosses from worker to worker because of it. */
#include "api/stack.h"

#include <netinet/in.h>

int stack_owner_of_port(const struct hr_stack *stack, uint16_t port)
{
    unsigned offset = (unsigned)port - stack->port_first;

    return port >= stack->port_first && offset < stack->ports_per_worker * stack->worker_count
               ? (int)(offset / stack->ports_per_worker)
               : -1;
}

static void claim(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    struct hr_worker *worker = tcp->app;
    struct hr_stack *stack = worker->stack;

    if (stack_owner_of_port(stack, tuple->local_port) < 0 &&
        !directory_add(&stack->directory, hash, worker->index)) {
        worker->directory_full++;
    }
}

static void release(struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
    struct hr_worker *worker = tcp->app;
    struct hr_stack *stack = worker->stack;

    if (stack_owner_of_port(stack, tuple->local_port) < 0) {
        directory_remove(&stack->directory, hash, worker->index);
    }
}

static bool pass(struct tcp *tcp, const struct tcp_tuple *tuple, const struct packet *packet)
{
    struct hr_worker *worker = tcp->app;
    struct hr_stack *stack = worker->stack;
    int owner = stack_owner_of_port(stack, tuple->local_port);

    if (packet->flags & PACKET_CROSSED) {
        return false; /* whoever sent it here did not know better */
    }
    if (owner < 0) {
        owner = directory_find(&stack->directory, tuple_hash(tuple, tcp->table_key));
    }
    if (owner < 0 || (unsigned)owner == worker->index) {
        return false;
    }
    if (crossing_give(stack_crossing(stack, worker->index, (unsigned)owner), worker->pool,
                      packet)) {
        worker->crossed_out++;
        worker->to_wake |= (uint64_t)1 << owner;
    } else {
        worker->crossed_dropped++;
    }
    return true;
}

const struct tcp_owners worker_owners = {.claim = claim, .release = release, .pass = pass};
