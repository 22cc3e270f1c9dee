#include "tcp/timewait_table.h"

#include "tcp/emit.h"
#include "tcp/open.h"
#include "tcp/window.h"

#include <assert.h>

void tcp_timewait_forget(struct tcp *tcp, uint32_t index)
{
    const struct timewait_entry *entry = timewait_at(&tcp->timewait, index);
    uint64_t hash = tuple_hash(&entry->tuple, tcp->table_key);

    table_remove(&tcp->table, hash, index | TCP_TABLE_TIMEWAIT);
    tcp_port_is_free(tcp, &entry->tuple);
    if (tcp->owners) {
        tcp->owners->release(tcp, &entry->tuple, hash);
    }
    timewait_remove(&tcp->timewait, index);
}

void tcp_timewait_ack(struct tcp *tcp, uint32_t index)
{
    struct timewait_entry *entry = timewait_at(&tcp->timewait, index);

    list_link_remove(&entry->owing_link);
    if (!emit_has_room(tcp) || !emit_timewait_ack(tcp, entry)) {
        list_push_back(&tcp->timewait.owing, &entry->owing_link);
    }
}

/* 16 bits of milliseconds are 65 seconds. Whoever comes back just then is limited for a second
 * more, at worst. */
static_assert(TCP_CHALLENGE_PERIOD_MS < UINT16_MAX, "the period fits");

void tcp_timewait_challenge(struct tcp *tcp, uint32_t index)
{
    struct timewait_entry *entry = timewait_at(&tcp->timewait, index);

    if ((uint16_t)(tcp->now_ms - entry->challenge_ms) >= TCP_CHALLENGE_PERIOD_MS) {
        entry->challenge_ms = (uint16_t)tcp->now_ms;
        entry->challenges = 0;
    }
    if (entry->challenges >= TCP_CHALLENGE_PER_PERIOD) {
        tcp->counters.challenge_acks_limited++;
        return;
    }
    entry->challenges++;
    tcp->counters.challenge_acks++;
    tcp_timewait_ack(tcp, index);
}

/* Entries that leave in one call, as timers that run: the rest waits a turn. */
static const unsigned leave_per_turn = 4096;

static void send_owed(struct tcp *tcp)
{
    struct list *owing = &tcp->timewait.owing;

    while (!list_is_empty(owing) && emit_has_room(tcp)) {
        struct list_link *link = owing->head.next;

        if (!emit_timewait_ack(tcp, container_of(link, struct timewait_entry, owing_link))) {
            return;
        }
        list_link_remove(link);
    }
}

void tcp_timewait_expire(struct tcp *tcp)
{
    for (unsigned left = 0;
         left < leave_per_turn && timewait_next_ns(&tcp->timewait) <= tcp->now_ns; left++) {
        tcp_timewait_forget(tcp, timewait_oldest(&tcp->timewait));
    }
    send_owed(tcp);
}

/* With all entries in use the oldest makes place: it has waited the longest. */
static uint32_t add(struct tcp *tcp)
{
    uint32_t index = timewait_add(&tcp->timewait, tcp->now_ns);

    if (index == TIMEWAIT_NONE) {
        tcp->counters.time_wait_evicted++;
        tcp_timewait_forget(tcp, timewait_oldest(&tcp->timewait));
        index = timewait_add(&tcp->timewait, tcp->now_ns);
    }
    return index;
}

void tcp_enter_timewait(struct tcp_conn *conn)
{
    struct tcp *tcp = conn->tcp;
    uint32_t index = add(tcp);
    struct timewait_entry *entry = timewait_at(&tcp->timewait, index);
    uint64_t hash = tuple_hash(&conn->tuple, tcp->table_key);
    bool inserted;

    entry->tuple = conn->tuple;
    entry->snd_nxt = conn->snd.nxt;
    entry->rcv_nxt = conn->rcv.nxt;
    entry->rcv_wnd = tcp_window_field(conn);
    entry->challenge_ms = (uint16_t)tcp->now_ms;
    entry->challenges = 0;
    entry->tos = conn->tos;
    entry->ttl = conn->ttl;
    /* The count, and not how a SYN-ACK came: the peer has acknowledged our FIN since. */
    entry->ecn = ecn_ack_flags(conn, false) >> ACE_SHIFT & ACE_MASK;
    entry->timestamps = tcp_conn_has(conn, TCP_CONN_TIMESTAMPS);
    entry->ts_recent = conn->ts_recent;
    entry->ts_offset = conn->ts_offset;
    if (tcp_conn_has(conn, TCP_CONN_ACK_NOW)) {
        tcp_timewait_ack(tcp, index); /* of the FIN that brought us here */
    }
    if (conn->state != TCP_TIME_WAIT) {
        tcp_state_set(conn, TCP_TIME_WAIT);
    }
    if (tcp->owners) {
        tcp->owners->claim(tcp, &entry->tuple, hash); /* before it is released once */
    }
    tcp_conn_end(conn, TCP_REASON_DONE);
    /* The connection has left the table, so there is room for the entry. */
    inserted = table_insert(&tcp->table, hash, index | TCP_TABLE_TIMEWAIT);
    assert(inserted);
    (void)inserted;
}
