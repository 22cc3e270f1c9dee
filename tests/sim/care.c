#include "tests/sim/care.h"

#include "datapath/util.h"

/* It waits for its rate. */
static bool is_paced(const struct tcp_conn *conn)
{
    return tcp_conn_has(conn, TCP_CONN_PACED) && pacing_is_waiting(conn);
}

static uint64_t release_ns(const struct tcp_conn *conn)
{
    return conn->tcp->pacer.places[conn->index].timer.due_ns >> PACING_CLOCK_SHIFT;
}

uint64_t care_deadline_ns(const struct tcp_conn *conn)
{
    uint64_t due_ns = min_u64(min_u64(conn->rexmit_ns, conn->ack_ns), conn->life_ns);

    return is_paced(conn) ? min_u64(due_ns, release_ns(conn)) : due_ns;
}

bool care_passes_over(const struct tcp_conn *conn, uint64_t turned_ns)
{
    uint64_t due_ns = care_deadline_ns(conn);

    return due_ns <= turned_ns && !(wheel_is_armed(&conn->timer) && conn->timer.due_ns <= due_ns);
}

const char *care_forgotten(const struct tcp_conn *conn)
{
    bool listed = list_link_is_on(&conn->output_link);
    bool queued = tcp_conn_queued(conn) > 0;

    if (queued && conn->rexmit_ns == UINT64_MAX && !listed && !is_paced(conn)) {
        return "something is queued";
    }
    if (tcp_conn_has(conn, TCP_CONN_ACK_NOW | TCP_CONN_FIN_OWED) && !listed &&
        conn->ack_ns == UINT64_MAX) {
        return "an ACK or a FIN is owed at once";
    }
    if (tcp_ack_owed_bytes(conn) > 0 && conn->ack_ns == UINT64_MAX && !listed) {
        return "an ACK is owed";
    }
    if (conn->ack_ns == UINT64_MAX && (tcp_conn_has(conn, TCP_CONN_STARVED) ||
                                       (tcp_conn_has(conn, TCP_CONN_SQUEEZED) &&
                                        tcp_state_may_receive((enum tcp_state)conn->state)))) {
        return "frames are waited for";
    }
    if (tcp_conn_has(conn, TCP_CONN_WANTS_WRITE) && !queued &&
        !tcp_conn_has(conn, TCP_CONN_STARVED)) {
        return "a writer waits";
    }
    return NULL;
}
