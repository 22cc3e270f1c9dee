#include "tcp/path.h"

#include "tcp/mtu.h"
#include "tcp/rexmit.h"
#include "tcp/seq.h"

#include <netinet/in.h>

/* An application that has not heard of the connection hears of no trouble either. */
void tcp_tell_trouble(struct tcp_conn *conn, enum tcp_trouble trouble)
{
    conn->trouble = trouble & 0xfu;
    if (conn->tcp->events->trouble && tcp_conn_has(conn, TCP_CONN_OPEN_TOLD) &&
        !tcp_conn_has(conn, TCP_CONN_APP_CLOSED)) {
        conn->tcp->events->trouble(conn);
    }
}

void tcp_path_silent(struct tcp_conn *conn)
{
    net_path_suspect(conn->tcp->net, &conn->path);
    /* What the network has said tells more. */
    tcp_tell_trouble(conn, conn->trouble == TCP_TROUBLE_NONE ? TCP_TROUBLE_UNANSWERED
                                                             : (enum tcp_trouble)conn->trouble);
}

/* Nobody answers on the way to the peer. A connection that is being opened ends
 * with its retransmissions, others go on: the neighbour may come back. */
void tcp_path_failed(struct tcp_conn *conn)
{
    if (conn->rexmit_timer == TCP_TIMER_NONE && tcp_conn_queued(conn) > 0) {
        bool open = tcp_state_is_synchronized((enum tcp_state)conn->state);

        /* Nothing was ever sent, so no timer runs: this one tries again. It is counted: without its
         * backoff R2 would be over in less than a second, where the RTO is short. */
        conn->flight->rto_base_ns = conn->tcp->now_ns;
        conn->rexmit_timer = TCP_TIMER_RTO;
        conn->rexmit_ns = conn->tcp->now_ns + (open ? tcp_rto_ns(conn) : conn->rtt.rto_ns);
        tcp_conn_arm(conn);
    }
    if (tcp_conn_has(conn, TCP_CONN_ACK_NOW | TCP_CONN_FIN_OWED) || tcp_ack_owed_bytes(conn) > 0) {
        /* Off the list, with no timer of the kind above: owed all the same. */
        conn->ack_ns = min_u64(conn->ack_ns, conn->tcp->now_ns + conn->rtt.rto_ns);
        tcp_conn_arm(conn);
    }
    tcp_tell_trouble(conn, TCP_TROUBLE_NEIGHBOUR);
}

/* With nothing out nobody but the neighbour was silent. What is being opened keeps its count. */
static void forget_silence(struct tcp_conn *conn)
{
    if (tcp_state_is_synchronized((enum tcp_state)conn->state) && conn->flight &&
        conn->flight->sendq.head == conn->flight->sendq.next) {
        tcp_rexmit_forget(conn);
    }
}

void tcp_path_changed(void *ctx, struct list *waiters, bool reachable)
{
    struct tcp *tcp = ctx;
    struct list_link *link;

    while ((link = list_pop_front(waiters)) != NULL) {
        struct tcp_conn *conn = container_of(link, struct tcp_conn, output_link);

        if (reachable) {
            forget_silence(conn);
            list_push_back(&tcp->output, link);
        } else {
            tcp_path_failed(conn);
        }
    }
}

/* RFC 5927 section 4: only an error about a segment that is in flight. */
static bool is_in_flight(const struct tcp_conn *conn, uint32_t seq)
{
    return seq_ge(seq, conn->snd.una) && seq_lt(seq, conn->snd.nxt);
}

static const enum tcp_trouble troubles[] = {
    [NET_ICMP_NET_UNREACH] = TCP_TROUBLE_UNREACHABLE,
    [NET_ICMP_HOST_UNREACH] = TCP_TROUBLE_UNREACHABLE,
    [NET_ICMP_PROTO_UNREACH] = TCP_TROUBLE_REFUSED,
    [NET_ICMP_PORT_UNREACH] = TCP_TROUBLE_REFUSED,
    [NET_ICMP_PROHIBITED] = TCP_TROUBLE_PROHIBITED,
    [NET_ICMP_TIME_EXCEEDED] = TCP_TROUBLE_TIME,
    [NET_ICMP_PARAM_PROBLEM] = TCP_TROUBLE_PARAMETER,
};

void tcp_icmp_error(void *ctx, const struct net_icmp_error *error, uint64_t now_ns)
{
    struct tcp *tcp = ctx;
    struct tcp_tuple tuple = {
        .local = error->local,
        .remote = error->remote,
        .local_port = error->local_port,
        .remote_port = error->remote_port,
    };
    struct tcp_conn *conn;

    if (error->protocol != IPPROTO_TCP) {
        return;
    }
    conn = tcp_conn_find(tcp, &tuple);
    if (!conn && tcp->owners && tcp->owners->pass(tcp, &tuple, error->packet)) {
        return;
    }
    if (!conn || !is_in_flight(conn, error->seq)) {
        tcp->counters.icmp_ignored++;
        return;
    }
    tcp->now_ns = max_u64(tcp->now_ns, now_ns);
    if (error->class == NET_ICMP_FRAG_NEEDED) {
        tcp->counters.icmp_ignored += !mtu_take_icmp(conn, error->seq, error->mtu);
        return;
    }
    /* A hard error ends only what is being opened (RFC 5461 section 3, RFC 5927
     * section 5.2); later it is a soft one. */
    if (conn->state == TCP_SYN_SENT &&
        (error->class == NET_ICMP_PORT_UNREACH || error->class == NET_ICMP_PROTO_UNREACH)) {
        conn->trouble = TCP_TROUBLE_REFUSED;
        tcp_conn_end(conn, TCP_REASON_UNREACHABLE);
        return;
    }
    tcp_tell_trouble(conn, troubles[error->class]);
}
