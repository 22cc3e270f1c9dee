#include "tcp/state.h"

#include "datapath/util.h"
#include "tcp/conn.h"

#include <assert.h>

#define TO(state) (1u << (state))

/* RFC 9293 figure 5. CLOSED is legal from everywhere: a reset, an abort or a
 * give-up ends any connection. */
static const unsigned legal[TCP_STATE_COUNT] = {
    [TCP_CLOSED] = TO(TCP_SYN_SENT) | TO(TCP_SYN_RECEIVED),
    [TCP_LISTEN] = TO(TCP_SYN_SENT) | TO(TCP_SYN_RECEIVED),
    [TCP_SYN_SENT] = TO(TCP_SYN_RECEIVED) | TO(TCP_ESTABLISHED),
    [TCP_SYN_RECEIVED] = TO(TCP_ESTABLISHED) | TO(TCP_FIN_WAIT_1),
    [TCP_ESTABLISHED] = TO(TCP_FIN_WAIT_1) | TO(TCP_CLOSE_WAIT),
    [TCP_FIN_WAIT_1] = TO(TCP_FIN_WAIT_2) | TO(TCP_CLOSING) | TO(TCP_TIME_WAIT),
    [TCP_FIN_WAIT_2] = TO(TCP_TIME_WAIT),
    [TCP_CLOSE_WAIT] = TO(TCP_LAST_ACK),
    [TCP_CLOSING] = TO(TCP_TIME_WAIT),
    [TCP_LAST_ACK] = 0,
    [TCP_TIME_WAIT] = 0,
};

static const char *const names[] = {
    [TCP_CLOSED] = "CLOSED",           [TCP_LISTEN] = "LISTEN",
    [TCP_SYN_SENT] = "SYN-SENT",       [TCP_SYN_RECEIVED] = "SYN-RECEIVED",
    [TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
    [TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
    [TCP_CLOSING] = "CLOSING",         [TCP_LAST_ACK] = "LAST-ACK",
    [TCP_TIME_WAIT] = "TIME-WAIT",
};

static_assert(COUNT_OF(names) == TCP_STATE_COUNT, "a name for every state");

bool tcp_state_is_legal(enum tcp_state from, enum tcp_state to)
{
    return to == TCP_CLOSED || (legal[from] & TO(to)) != 0;
}

void tcp_state_set(struct tcp_conn *conn, enum tcp_state to)
{
    assert(tcp_state_is_legal((enum tcp_state)conn->state, to));
    conn->state = (uint8_t)to;
}

const char *tcp_state_name(enum tcp_state state)
{
    return (unsigned)state < TCP_STATE_COUNT ? names[state] : "?";
}
