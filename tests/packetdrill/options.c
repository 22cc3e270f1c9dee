#include "tests/packetdrill/options.h"

#include "tcp/cc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

/* Of Linux 6.15, younger than the headers. */
#define OPTION_RTO_MAX_MS 44
#define OPTION_RTO_MIN_US 45
#define OPTION_DELACK_MAX_US 46

#define BUFFER_MIN 4608u
#define BUFFER_MAX (1u << 30)

static struct tcp_settings *settings_of(struct sock *sock)
{
    return &sock->values.settings;
}

/* As Linux: the double of what is asked for, a half being for what is no text. */
static uint32_t buffer_of(int asked)
{
    return max_u32(min_u32((uint32_t)(asked > 0 ? asked : 0), BUFFER_MAX / 2) * 2, BUFFER_MIN);
}

/* What stands in the policy of a connection. */
static int apply_policy(struct sock *sock)
{
    struct tcp_policy *policy = &settings_of(sock)->policy;

    policy->keepalive = sock->keepalive;
    if (sock->conn) {
        stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
        return tcp_set_policy(sock->conn, policy) == TCP_OK ? 0 : -ENOBUFS;
    }
    return 0;
}

static int set_socket(struct sock *sock, int name, int value, const struct sockopt *option)
{
    struct linger linger;

    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        sock->reuse = value != 0; /* an address is never in use here */
        return 0;
    case SO_KEEPALIVE:
        sock->keepalive = value != 0;
        return apply_policy(sock);
    case SO_SNDBUF:
        settings_of(sock)->send_buffer = buffer_of(value);
        settings_of(sock)->policy.send_buffer_max = 0; /* it stays so */
        if (sock->conn) {
            sock->conn->send_buffer = buffer_of(value);
        }
        return apply_policy(sock);
    case SO_RCVBUF:
        settings_of(sock)->receive_buffer = buffer_of(value);
        settings_of(sock)->policy.receive_buffer_max = 0;
        if (sock->conn) {
            sock->conn->rcv.buffer = buffer_of(value);
        }
        return apply_policy(sock);
    case SO_LINGER:
        if (*option->length < (socklen_t)sizeof linger) {
            return -EINVAL;
        }
        memcpy(&linger, option->value, sizeof linger);
        sock->linger = linger.l_onoff != 0;
        sock->linger_s = (uint16_t)linger.l_linger;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* Of set_policy(), as in Linux. */
static int policy_most(int name)
{
    switch (name) {
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
        return INT16_MAX;
    case TCP_KEEPCNT:
    case TCP_SYNCNT:
        return INT8_MAX;
    default:
        return INT32_MAX;
    }
}

static int set_policy(struct sock *sock, int name, int value)
{
    struct tcp_policy *policy = &settings_of(sock)->policy;

    if (value < (name == TCP_USER_TIMEOUT ? 0 : 1) || value > policy_most(name)) {
        return -EINVAL;
    }
    switch (name) {
    case TCP_KEEPIDLE:
        policy->keepalive_idle_s = (uint16_t)value;
        break;
    case TCP_KEEPINTVL:
        policy->keepalive_gap_s = (uint16_t)value;
        break;
    case TCP_KEEPCNT:
        policy->keepalive_count = (uint8_t)value;
        break;
    case TCP_SYNCNT:
        policy->r2_syn = (uint8_t)value;
        break;
    default:
        policy->user_timeout_ms = (uint32_t)value;
        break;
    }
    return apply_policy(sock);
}

/* Bounds of time, those of Linux. */
static int set_time(struct sock *sock, int name, int value)
{
    struct tcp_policy *policy = &settings_of(sock)->policy;
    uint64_t us = (uint64_t)(value > 0 ? value : 0);

    switch (name) {
    case OPTION_RTO_MAX_MS:
        if (value < 1000 || value > (int)(TCP_RTO_MAX_NS / NS_PER_MS)) {
            return -EINVAL;
        }
        policy->rto.max_ns = us * NS_PER_MS;
        policy->rto.initial_ns = min_u64(policy->rto.initial_ns, policy->rto.max_ns);
        break;
    case OPTION_RTO_MIN_US:
        if (us == 0 || us * NS_PER_US > policy->rto.max_ns) {
            return -EINVAL;
        }
        policy->rto.min_ns = us * NS_PER_US;
        break;
    default:
        if (us == 0 || us > TCP_PEER_DELAYED_ACK_NS / NS_PER_US) {
            return -EINVAL;
        }
        policy->ack_delay_ms = (uint16_t)min_u64(policy->ack_delay_ms, (us + 999) / 1000);
        break;
    }
    return apply_policy(sock);
}

/* What may let something go that was held back. */
static int set_pushing(struct sock *sock, int name, bool on)
{
    struct tcp_conn *conn = sock->conn;

    if (name == TCP_NODELAY) {
        settings_of(sock)->nodelay = on;
    } else if (name == TCP_CORK) {
        sock->cork = on;
    }
    if (conn) {
        stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
        if (name == TCP_NODELAY) {
            tcp_set_nodelay(conn, on);
            if (on && tcp_conn_has(conn, TCP_CONN_CORK)) { /* what is held goes, once (tcp(7)) */
                tcp_set_cork(conn, false);
                clock_turn(&sock->drill->clock);
                tcp_set_cork(conn, sock->cork);
            }
        } else if (name == TCP_CORK) {
            tcp_set_cork(conn, on);
        } else if (on) {
            tcp_hurry_acks(conn);
        } else {
            conn->rcv.quick_acks = 0;
        }
        clock_turn(&sock->drill->clock);
    } else if (name == TCP_QUICKACK) {
        settings_of(sock)->policy.quick_acks = on ? TCP_QUICK_ACKS : 0;
    }
    return 0;
}

static int set_segment(struct sock *sock, int value)
{
    if (value != 0 && (value < (int)TCP_MSS_MIN || value > INT16_MAX)) {
        return -EINVAL;
    }
    if (sock->conn) {
        return -ENOPROTOOPT; /* the stack has it only from the start */
    }
    settings_of(sock)->mss_max = (uint16_t)value;
    return 0;
}

static int set_no_cookie(struct sock *sock, int value)
{
    if (value < 0 || value > 1 || (sock->state != SOCK_NEW && sock->state != SOCK_LISTENING)) {
        return -EINVAL;
    }
    sock->fast_open_no_cookie = value != 0;
    return 0;
}

static int set_fast_open(struct sock *sock, int name, int value, const struct sockopt *option)
{
    struct tcp *tcp = &sock->drill->stack.tcp;
    struct fast_open_key keys[2];
    socklen_t bytes = *option->length;

    switch (name) {
    case TCP_FASTOPEN:
        if (value < 0) {
            return -EINVAL;
        }
        sock->fast_open_backlog = (uint32_t)value;
        if (sock->state == SOCK_LISTENING && sock->values.fast_open & SYSCTL_FAST_OPEN_SERVER) {
            tcp->listeners[sock->listener].fast_open.max = (uint32_t)value;
        }
        return 0;
    case TCP_FASTOPEN_CONNECT:
        if (!sock_may_fast_open(sock)) {
            return -EOPNOTSUPP;
        }
        if (sock->state != SOCK_NEW) {
            return -EINVAL;
        }
        sock->fast_open_connect = value != 0;
        return 0;
    case TCP_FASTOPEN_NO_COOKIE:
        return set_no_cookie(sock, value);
    default:
        if (bytes != sizeof keys[0] && bytes != sizeof keys) {
            return -EINVAL;
        }
        memcpy(keys, option->value, bytes);
        tcp_fast_open_keys(tcp, keys, (unsigned)(bytes / sizeof keys[0]));
        sock->drill->keys_set = true;
        return 0;
    }
}

static int set_congestion(struct sock *sock, const struct sockopt *option)
{
    char name[16] = "";
    const struct tcp_cc_ops *cc;

    memcpy(name, option->value, *option->length < sizeof name ? *option->length : sizeof name - 1);
    cc = tcp_cc_find(name);
    if (!cc || sock->conn) {
        return cc ? -ENOPROTOOPT : -ENOENT;
    }
    settings_of(sock)->cc = cc;
    return 0;
}

static int set_tcp(struct sock *sock, int name, int value, const struct sockopt *option)
{
    switch (name) {
    case TCP_NODELAY:
    case TCP_CORK:
    case TCP_QUICKACK:
        return set_pushing(sock, name, value != 0);
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT:
    case TCP_SYNCNT:
    case TCP_USER_TIMEOUT:
        return set_policy(sock, name, value);
    case OPTION_RTO_MAX_MS:
    case OPTION_RTO_MIN_US:
    case OPTION_DELACK_MAX_US:
        return set_time(sock, name, value);
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
    case TCP_FASTOPEN_NO_COOKIE:
    case TCP_FASTOPEN_KEY:
        return set_fast_open(sock, name, value, option);
    case TCP_CONGESTION:
        return set_congestion(sock, option);
    case TCP_MAXSEG:
        return set_segment(sock, value);
    case TCP_NOTSENT_LOWAT:
        sock->notsent_lowat = (uint32_t)value;
        return 0;
    case TCP_INQ:
        if (value != 0 && value != 1) {
            return -EINVAL;
        }
        sock->inq = value != 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int set_ip(struct sock *sock, int name, int value)
{
    if (name == IP_TOS || name == IPV6_TCLASS) {
        settings_of(sock)->tos = (uint8_t)(value & 0xfc);
        if (sock->conn) {
            tcp_set_dscp(sock->conn, (uint8_t)(value >> 2));
        }
        return 0;
    }
    if (name == IP_TTL || name == IPV6_UNICAST_HOPS) {
        if (value < 1 || value > UINT8_MAX) {
            return -EINVAL;
        }
        settings_of(sock)->ttl = (uint8_t)value;
        if (sock->conn) {
            tcp_set_ttl(sock->conn, (uint8_t)value);
        }
        return 0;
    }
    /* A path's MTU is always discovered here. */
    return name == IP_MTU_DISCOVER && value == IP_PMTUDISC_DO ? 0 : -ENOPROTOOPT;
}

static bool is_no_number(const struct sockopt *option)
{
    return option->level == IPPROTO_TCP &&
           (option->name == TCP_FASTOPEN_KEY || option->name == TCP_CONGESTION);
}

static int set_number(struct sock *sock, int value, const struct sockopt *option)
{
    switch (option->level) {
    case SOL_SOCKET:
        return set_socket(sock, option->name, value, option);
    case IPPROTO_TCP:
        return set_tcp(sock, option->name, value, option);
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return set_ip(sock, option->name, value);
    default:
        return -ENOPROTOOPT;
    }
}

int sock_set_option(struct sock *sock, const struct sockopt *option)
{
    int value = 0;
    int error;

    if (!is_no_number(option)) {
        bool byte = option->level == IPPROTO_IP && *option->length > 0;
        socklen_t least = byte ? 1 : sizeof value;

        if (*option->length < least) {
            return -EINVAL;
        }
        if (!option->value) {
            return -EFAULT;
        }
        memcpy(&value, option->value, min_u32(*option->length, sizeof value));
    }
    error = set_number(sock, value, option);
    if (sock->state == SOCK_LISTENING) { /* what comes from now on has it */
        sock->drill->stack.tcp.listeners[sock->listener].settings = sock_listener_settings(sock);
    }
    return error;
}

int sock_fcntl(struct sock *sock, int command, long argument)
{
    if (command == F_GETFL) {
        return O_RDWR | (sock->nonblock ? O_NONBLOCK : 0);
    }
    if (command == F_SETFL) {
        sock->nonblock = (argument & O_NONBLOCK) != 0;
        return 0;
    }
    return -EINVAL;
}

int sock_ioctl(const struct sock *sock, unsigned long request, int *to)
{
    if (sock->state == SOCK_LISTENING) {
        return -EINVAL;
    }
    switch (request) {
    case FIONREAD: /* and SIOCINQ */
        *to = (int)sock_readable(sock);
        return 0;
    case TIOCOUTQ: /* and SIOCOUTQ */
        *to = sock->conn ? (int)tcp_unacked(sock->conn) : 0;
        return 0;
    case SIOCOUTQNSD:
        *to = (int)sock_unsent(sock);
        return 0;
    default:
        return -ENOTTY;
    }
}
