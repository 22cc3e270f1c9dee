#include "tests/packetdrill/sockets.h"

#include "tests/packetdrill/ready.h"
#include "tests/packetdrill/route.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HALF_OPEN_MAX 256u
#define EPHEMERAL_FIRST 40000u

struct sock *sock_find(const struct drill *drill, int fd)
{
    return fd >= 0 && fd < DRILL_FDS ? drill->socks[fd] : NULL;
}

void drill_read_sysctls(struct drill *drill, struct sysctl_values *values)
{
    bool has_folder = drill->folder[0] != '\0';

    sysctl_read(has_folder ? drill->folder : NULL, values, &drill->untold);
    if (has_folder) {
        untold_look(&drill->untold, drill->folder);
    }
    if (!ip_addr_is_unspecified(&drill->remote)) {
        route_read(&drill->remote, &values->settings, &drill->untold);
    }
    if (!drill->keys_set && values->key_count > 0) {
        tcp_fast_open_keys(&drill->stack.tcp, values->keys, values->key_count);
    }
}

struct sock *sock_new(struct drill *drill)
{
    struct sock *sock = calloc(1, sizeof *sock);

    if (!sock) {
        abort(); /* a test's own memory */
    }
    sock->drill = drill;
    sock->fd = -1;
    sock->rest.frame = FRAME_NONE;
    return sock;
}

int sock_give_fd(struct sock *sock)
{
    int fd = eventfd(0, 0);

    if (fd < 0 || fd >= DRILL_FDS) {
        return -EMFILE;
    }
    sock->fd = fd;
    sock->drill->socks[fd] = sock;
    return fd;
}

int sock_socket(struct drill *drill, int domain, int type)
{
    struct sock *sock;
    int fd;

    if (domain != AF_INET && domain != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM) {
        return -ESOCKTNOSUPPORT;
    }
    sock = sock_new(drill);
    fd = sock_give_fd(sock);
    if (fd < 0) {
        free(sock);
        return fd;
    }
    sock->v6 = domain == AF_INET6;
    sock->nonblock = (type & SOCK_NONBLOCK) != 0;
    drill_read_sysctls(drill, &sock->values);
    return fd;
}

int sock_take_addr(struct sock *sock, const struct sockaddr *addr, socklen_t length,
                   struct ip_addr *ip, uint16_t *port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (length < (socklen_t)sizeof addr->sa_family) {
        return -EINVAL;
    }
    if (sock->v6) {
        if (addr->sa_family != AF_INET6) {
            return -EAFNOSUPPORT;
        }
        if (length < (socklen_t)sizeof v6) {
            return -EINVAL;
        }
        memcpy(&v6, addr, sizeof v6);
        memcpy(ip->bytes, &v6.sin6_addr, sizeof ip->bytes);
        *port = ntohs(v6.sin6_port);
        return 0;
    }
    if (length < (socklen_t)sizeof v4) {
        return -EINVAL;
    }
    if (addr->sa_family != AF_INET) {
        return -EAFNOSUPPORT;
    }
    memcpy(&v4, addr, sizeof v4);
    *ip = ip_addr_v4(ntohl(v4.sin_addr.s_addr));
    *port = ntohs(v4.sin_port);
    return 0;
}

void sock_put_addr(const struct sock *sock, struct sockaddr *addr, socklen_t *length)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(sock->remote_port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(sock->remote_port)};
    socklen_t room = *length;

    if (sock->v6) {
        memcpy(&v6.sin6_addr, sock->remote.bytes, sizeof sock->remote.bytes);
        *length = sizeof v6;
        memcpy(addr, &v6, room < *length ? room : *length);
    } else {
        v4.sin_addr.s_addr = htonl(ip_addr_v4_get(&sock->remote));
        *length = sizeof v4;
        memcpy(addr, &v4, room < *length ? room : *length);
    }
}

int sock_bind(struct sock *sock, const struct sockaddr *addr, socklen_t length)
{
    int error = sock->local_port != 0 ? -EINVAL : 0;

    if (error == 0) {
        error = sock_take_addr(sock, addr, length, &sock->local, &sock->local_port);
    }
    if (error == 0 && sock->local_port == 0) {
        sock->local_port = (uint16_t)(EPHEMERAL_FIRST + (unsigned)sock->fd);
    }
    return error;
}

static int error_of(int tcp_error)
{
    switch (tcp_error) {
    case TCP_OK:
        return 0;
    case TCP_ERR_AGAIN:
    case TCP_ERR_NO_MEMORY:
        return -EAGAIN;
    case TCP_ERR_IN_USE:
        return -EADDRINUSE;
    case TCP_ERR_ADDRESS:
        return -EADDRNOTAVAIL;
    case TCP_ERR_ROUTE:
        return -ENETUNREACH;
    default:
        return -EINVAL;
    }
}

struct tcp_settings sock_listener_settings(const struct sock *sock)
{
    struct tcp_settings settings = sock->values.settings;

    settings.fast_open_no_cookie =
        sock->fast_open_no_cookie || sock->values.fast_open & SYSCTL_FAST_OPEN_SERVER_NO_COOKIE;
    return settings;
}

int sock_listen(struct sock *sock, int backlog)
{
    struct drill *drill = sock->drill;
    struct tcp_listener listener = {
        .address = sock->local,
        .port = sock->local_port,
        .half_open_max = HALF_OPEN_MAX,
        .connections_max = UINT32_MAX,
        .syn_cookies = sock->values.cookies,
        .settings = sock_listener_settings(sock),
    };
    uint32_t fast_open = sock->values.fast_open;
    int error;

    if (sock->state == SOCK_LISTENING) {
        return 0; /* only the backlog changes, which there is none of */
    }
    if (sock->state != SOCK_NEW) {
        return -EINVAL;
    }
    if (fast_open & SYSCTL_FAST_OPEN_SERVER) {
        listener.fast_open.max = sock->fast_open_backlog;
        if (fast_open & SYSCTL_FAST_OPEN_LISTENERS && listener.fast_open.max == 0) {
            listener.fast_open.max = (uint32_t)(backlog > 0 ? backlog : 1);
        }
    }
    stack_begin(&drill->stack, drill->clock.now_ns);
    error = error_of(tcp_listen(&drill->stack.tcp, &listener, &sock->listener));
    if (error == 0) {
        sock->state = SOCK_LISTENING;
        drill->stack.tcp.listeners[sock->listener].app = sock;
    }
    return error;
}

static bool has_waiting(const void *ctx)
{
    return ((const struct sock *)ctx)->waiting != NULL;
}

int sock_accept(struct sock *sock, struct sockaddr *addr, socklen_t *length)
{
    struct clock_waiter waiter = {has_waiting, sock, UINT64_MAX, false};
    struct sock *accepted;
    int fd;

    if (sock->state != SOCK_LISTENING) {
        return -EINVAL;
    }
    if (!sock->waiting && (sock->nonblock || !clock_wait(&sock->drill->clock, &waiter))) {
        return -EAGAIN;
    }
    accepted = sock->waiting;
    /* What a SYN brought is there by now. */
    accepted->syn_data =
        accepted->early && accepted->conn && accepted->conn->rcv.nxt - accepted->conn->rcv.irs > 1;
    fd = sock_give_fd(accepted);
    if (fd >= 0) {
        sock->waiting = accepted->next;
        accepted->next = NULL;
        if (addr && length) {
            sock_put_addr(accepted, addr, length);
        }
    }
    return fd;
}

static bool needs_no_cookie(const struct sock *sock, const struct sysctl_values *now)
{
    return sock->fast_open_no_cookie || now->fast_open & SYSCTL_FAST_OPEN_CLIENT_NO_COOKIE;
}

int sock_begin(struct sock *sock, bool fast_open)
{
    struct drill *drill = sock->drill;
    struct tcp_settings settings = sock->values.settings;
    struct sysctl_values now;
    struct tcp_tuple tuple = {
        .local = sock->local,
        .remote = sock->remote,
        .local_port = sock->local_port,
        .remote_port = sock->remote_port,
    };
    int error;

    if (ip_addr_is_unspecified(&tuple.local)) {
        tuple.local = drill->local[ip_addr_is_v4(&tuple.remote) ? 0 : 1];
    }
    drill_read_sysctls(drill, &now);
    settings.timestamps = now.settings.timestamps;
    settings.sack = now.settings.sack;
    settings.window_scale = now.settings.window_scale;
    settings.ecn = now.ecn_out;
    settings.fast_open = fast_open;
    settings.fast_open_no_cookie = needs_no_cookie(sock, &now);
    stack_begin(&drill->stack, drill->clock.now_ns);
    error = error_of(tcp_connect(&drill->stack.tcp, &tuple, &settings, &sock->conn));
    if (error != 0) {
        sock->conn = NULL;
        return error;
    }
    sock->conn->app = sock;
    tcp_pause(sock->conn);
    sock->state = SOCK_CONNECTING;
    return 0;
}

static bool is_decided(const void *ctx)
{
    return ((const struct sock *)ctx)->state != SOCK_CONNECTING;
}

int sock_await_open(struct sock *sock, int not_waiting)
{
    struct clock_waiter waiter = {is_decided, sock, UINT64_MAX, false};

    if (sock->state == SOCK_CONNECTING) {
        if (not_waiting != 0) {
            return not_waiting;
        }
        if (!clock_wait(&sock->drill->clock, &waiter)) {
            return -ETIMEDOUT;
        }
    }
    if (sock->error != 0) {
        return -sock_take_error(sock);
    }
    if (sock->state == SOCK_CONNECTED) {
        sock->told_open = true;
        return 0;
    }
    return -ECONNABORTED;
}

bool sock_carries(struct sock *sock)
{
    struct drill *drill = sock->drill;
    struct tcp_tuple tuple = {.local = sock->local, .remote = sock->remote};
    const struct fast_open_peer *peer;
    struct sysctl_values now;

    if (ip_addr_is_unspecified(&tuple.local)) {
        tuple.local = drill->local[ip_addr_is_v4(&tuple.remote) ? 0 : 1];
    }
    peer = fast_open_cache_find(&drill->stack.tcp.fast_open.cache, &tuple);
    if (peer && drill->clock.now_ns < peer->until_ns) {
        return false;
    }
    drill_read_sysctls(drill, &now);
    return needs_no_cookie(sock, &now) || (peer && peer->length > 0);
}

bool sock_may_fast_open(struct sock *sock)
{
    struct sysctl_values now;

    drill_read_sysctls(sock->drill, &now);
    sock->values.fast_open = now.fast_open;
    return (now.fast_open & SYSCTL_FAST_OPEN_CLIENT) != 0;
}

int sock_told_open(struct sock *sock)
{
    bool again = sock->told_open || sock->state != SOCK_CONNECTED;

    sock->told_open = true;
    return again ? -EISCONN : 0;
}

int sock_connect(struct sock *sock, const struct sockaddr *addr, socklen_t length)
{
    bool fast_open = sock->fast_open_connect && sock_may_fast_open(sock);
    int error;

    switch (sock->state) {
    case SOCK_NEW:
        break;
    case SOCK_CONNECTING:
        return sock_await_open(sock, sock->nonblock ? -EALREADY : 0);
    case SOCK_CONNECTED:
    case SOCK_DEFERRED:
        return sock_told_open(sock);
    case SOCK_FAILED:
        return sock->error != 0 ? -sock_take_error(sock) : -ECONNABORTED;
    default:
        return -EINVAL;
    }
    error = sock_take_addr(sock, addr, length, &sock->remote, &sock->remote_port);
    if (error != 0) {
        return error;
    }
    if (fast_open && sock_carries(sock)) {
        sock->state = SOCK_DEFERRED;
        return 0;
    }
    error = sock_begin(sock, fast_open);
    if (error == 0) {
        clock_turn(&sock->drill->clock);
        error = sock_await_open(sock, sock->nonblock ? -EINPROGRESS : 0);
    }
    return error;
}

int sock_shutdown(struct sock *sock, int how)
{
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        return -EINVAL;
    }
    if (sock->state == SOCK_LISTENING && how != SHUT_WR) {
        tcp_unlisten(&sock->drill->stack.tcp, sock->listener);
        sock->state = SOCK_NEW;
        return 0;
    }
    if (!sock->conn && (sock->state != SOCK_CONNECTED || sock->shut_write)) {
        return -ENOTCONN;
    }
    stack_begin(&sock->drill->stack, sock->drill->clock.now_ns);
    sock->shut_read |= how != SHUT_WR;
    if (how != SHUT_RD && !sock->shut_write) {
        sock->shut_write = true;
        if (sock->conn) {
            (void)tcp_shutdown(sock->conn);
        }
    }
    clock_turn(&sock->drill->clock);
    return 0;
}

static void leave_connection(struct sock *sock)
{
    struct tcp *tcp = &sock->drill->stack.tcp;
    struct tcp_conn *conn = sock->conn;

    if (conn) {
        conn->app = NULL;
        if (sock->linger) {
            tcp_close_within(conn, sock->linger_s * (uint64_t)NS_PER_S);
        } else {
            tcp_close(conn);
        }
    }
    if (sock->rest.frame != FRAME_NONE) {
        tcp_data_release_orphan(tcp, &sock->rest);
    }
}

int sock_close(struct sock *sock)
{
    struct drill *drill = sock->drill;
    struct sock *waiting;

    drill->socks[sock->fd] = NULL;
    ready_forget(drill, sock->fd);
    stack_begin(&drill->stack, drill->clock.now_ns);
    if (sock->state == SOCK_LISTENING) {
        tcp_unlisten(&drill->stack.tcp, sock->listener);
        drill->stack.tcp.listeners[sock->listener].app = NULL;
    }
    while ((waiting = sock->waiting) != NULL) { /* nobody will have them: a RST each */
        sock->waiting = waiting->next;
        waiting->linger = true;
        waiting->linger_s = 0;
        leave_connection(waiting);
        free(waiting);
    }
    leave_connection(sock);
    ready_destroy(sock->epoll);
    (void)syscall(SYS_close, sock->fd);
    free(sock);
    clock_turn(&drill->clock);
    return 0;
}

int sock_take_error(struct sock *sock)
{
    int error = sock->error;

    sock->error = 0;
    return error;
}

uint32_t sock_readable(const struct sock *sock)
{
    uint32_t bytes = sock->rest.frame == FRAME_NONE ? 0 : sock->rest.length;

    return sock->conn ? bytes + sock->conn->recvq.bytes : bytes;
}

uint32_t sock_unsent(const struct sock *sock)
{
    uint32_t unacked = sock->conn ? tcp_unacked(sock->conn) : 0;

    return unacked > 0 ? unacked - min_u32(unacked, sock->conn->snd.nxt - sock->conn->snd.una) : 0;
}
