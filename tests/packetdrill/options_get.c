/* What getsockopt() tells. */
#include "tcp/cc.h"
#include "tests/packetdrill/info.h"
#include "tests/packetdrill/options.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

static const struct tcp_settings *settings_of(const struct sock *sock)
{
    return &sock->values.settings;
}

static int put(const struct sockopt *option, const void *from, size_t bytes)
{
    *option->length = *option->length < bytes ? *option->length : (socklen_t)bytes;
    memcpy(option->value, from, *option->length);
    return 0;
}

/* Of what the runner asks for with each TCP_INFO. */
static int get_memory(struct sock *sock, const struct sockopt *option)
{
    uint32_t memory[SK_MEMINFO_VARS] = {
        [SK_MEMINFO_RMEM_ALLOC] = sock_readable(sock),
        [SK_MEMINFO_RCVBUF] = settings_of(sock)->receive_buffer,
        [SK_MEMINFO_SNDBUF] = settings_of(sock)->send_buffer,
        [SK_MEMINFO_WMEM_QUEUED] = sock->conn ? tcp_unacked(sock->conn) : 0,
    };

    return put(option, memory, sizeof memory);
}

static int get_socket(struct sock *sock, const struct sockopt *option)
{
    struct linger linger = {sock->linger, sock->linger_s};
    int value;

    switch (option->name) {
    case SO_ERROR:
        value = sock_take_error(sock);
        break;
    case SO_SNDBUF:
        value = (int)settings_of(sock)->send_buffer;
        break;
    case SO_RCVBUF:
        value = (int)settings_of(sock)->receive_buffer;
        break;
    case SO_KEEPALIVE:
        value = sock->keepalive;
        break;
    case SO_REUSEADDR:
        value = sock->reuse;
        break;
    case SO_LINGER:
        return put(option, &linger, sizeof linger);
    case SO_MEMINFO:
        return get_memory(sock, option);
    default:
        return -ENOPROTOOPT;
    }
    return put(option, &value, sizeof value);
}

static int get_text(struct sock *sock, const struct sockopt *option)
{
    const struct fast_open_key *keys = sock->drill->stack.tcp.fast_open.keys;
    const char *name = settings_of(sock)->cc->name;

    if (option->name == TCP_FASTOPEN_KEY) {
        return put(option, keys,
                   *option->length < sizeof keys[0] * 2 ? sizeof keys[0] : sizeof keys[0] * 2);
    }
    return put(option, name, strlen(name) + 1);
}

static int get_tcp(struct sock *sock, const struct sockopt *option)
{
    const struct tcp_policy *policy = &settings_of(sock)->policy;
    int value;

    switch (option->name) {
    case TCP_NODELAY:
        value = settings_of(sock)->nodelay;
        break;
    case TCP_CORK:
        value = sock->cork;
        break;
    case TCP_KEEPIDLE:
        value = policy->keepalive_idle_s;
        break;
    case TCP_KEEPINTVL:
        value = policy->keepalive_gap_s;
        break;
    case TCP_KEEPCNT:
        value = policy->keepalive_count;
        break;
    case TCP_SYNCNT:
        value = policy->r2_syn;
        break;
    case TCP_USER_TIMEOUT:
        value = (int)policy->user_timeout_ms;
        break;
    case TCP_MAXSEG:
        value = sock->conn                       ? sock->conn->snd.mss
                : settings_of(sock)->mss_max > 0 ? settings_of(sock)->mss_max
                                                 : (int)TCP_MSS_DEFAULT_V4;
        break;
    case TCP_NOTSENT_LOWAT:
        value = (int)sock->notsent_lowat;
        break;
    case TCP_FASTOPEN:
        value = (int)sock->fast_open_backlog;
        break;
    case TCP_FASTOPEN_NO_COOKIE:
        value = sock->fast_open_no_cookie;
        break;
    case TCP_INQ:
        value = sock->inq;
        break;
    case TCP_FASTOPEN_KEY:
    case TCP_CONGESTION:
        return get_text(sock, option);
    case TCP_CC_INFO:
        *option->length = 0; /* as an algorithm without says it */
        return 0;
    case TCP_INFO:
        return info_fill(sock, option->value, option->length);
    default:
        return -ENOPROTOOPT;
    }
    return put(option, &value, sizeof value);
}

int sock_get_option(struct sock *sock, const struct sockopt *option)
{
    int value = settings_of(sock)->tos;

    if (option->level == SOL_SOCKET) {
        return get_socket(sock, option);
    }
    if (option->level == IPPROTO_TCP) {
        return get_tcp(sock, option);
    }
    if (option->level == IPPROTO_IP && option->name == IP_TOS) {
        return put(option, &value, sizeof value);
    }
    return -ENOPROTOOPT;
}
