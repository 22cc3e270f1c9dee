#include "tcp/ack.h"
#include "tcp/emit.h"
#include "tcp/output.h"
#include "tcp/path.h"
#include "tcp/window.h"

/* The path may be in need of an answer from the neighbour, or be another one
 * by now. True when segments can be written. */
static bool path_is_ready(struct tcp_conn *conn)
{
    struct net *net = conn->tcp->net;
    enum net_path_state state = net_path_check(net, &conn->path, conn->tcp->now_ns);

    if (state == NET_PATH_STALE) {
        uint16_t mtu = conn->path.mtu;

        if (net_path_find(net, &conn->tuple.remote, &conn->path) != 0) {
            state = NET_PATH_FAILED;
        } else {
            conn->path.mtu = conn->path.mtu < mtu ? conn->path.mtu : mtu;
            state = net_path_check(net, &conn->path, conn->tcp->now_ns);
        }
    }
    if (state == NET_PATH_WAIT) {
        list_push_back(net_path_waiters(net, &conn->path), &conn->output_link);
    } else if (state == NET_PATH_FAILED) {
        tcp_path_failed(conn);
    }
    return state == NET_PATH_READY;
}

/* Those that wait for memory. As long as it may be the kernel that has it they are served with
 * each turn; then they leave the list, and look again in a while: the worker may sleep. */
static void hold_stuck(struct tcp *tcp, struct list *stuck)
{
    struct list_link *link;

    if (list_is_empty(stuck)) {
        tcp->stuck_ns = UINT64_MAX;
        return;
    }
    tcp->stuck_ns = min_u64(tcp->stuck_ns, tcp->now_ns);
    if (tcp->now_ns - tcp->stuck_ns < TCP_COMPLETIONS_NS) {
        list_splice_back(&tcp->output, stuck);
        return;
    }
    while ((link = list_pop_front(stuck)) != NULL) {
        tcp_recheck_frames(container_of(link, struct tcp_conn, output_link), TCP_CONN_STARVED);
    }
    tcp->stuck_ns = UINT64_MAX;
}

void tcp_transmit(struct tcp *tcp)
{
    struct list waiting, stuck;

    list_init(&waiting);
    list_init(&stuck);
    tcp_ack_release(tcp);
    /* What an application asks for while it is told of trouble waits for the next turn: else one
     * that writes each time would be told without an end. */
    list_splice_back(&waiting, &tcp->output);
    while (emit_has_room(tcp)) {
        struct list_link *link = list_pop_front(&waiting);
        struct tcp_conn *conn;

        if (!link) {
            break;
        }
        conn = container_of(link, struct tcp_conn, output_link);
        if (!path_is_ready(conn)) {
            continue;
        }
        switch (output_serve(conn)) {
        case OUTPUT_DONE:
        case OUTPUT_PACED:
            break;
        case OUTPUT_MORE:
            list_push_back(&waiting, link);
            break;
        case OUTPUT_STUCK:
            list_push_back(&stuck, link);
            break;
        }
    }
    list_splice_back(&waiting, &tcp->output);
    list_splice_back(&tcp->output, &waiting);
    hold_stuck(tcp, &stuck);
}
