#include "bench/kernel/worker.h"

#include "bench/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* As echo_server waits by default. */
static const uint64_t spin_ns = 100000;
/* More descriptors than any comparison here opens. */
static const rlim_t descriptors_max = 1u << 20;

char kernel_chargen[KERNEL_CHARGEN_BYTES];

static void __attribute__((constructor)) chargen_init(void)
{
    for (unsigned i = 0; i < KERNEL_CHARGEN_BYTES; i++) {
        unsigned line = i / 74 % 95;
        unsigned column = i % 74;
        int character = (int)(' ' + (line + column) % 95);

        character = column == 72 ? '\r' : column == 73 ? '\n' : character;
        kernel_chargen[i] = (char)character;
    }
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

/* Linux gives TCP_NODELAY and the like of the listener to what it accepts, which
 * saves a system call for each connection. */
static int set_congestion(const struct kernel_options *options, int fd)
{
    const char *name = options->congestion;

    if (!name || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0) {
        return 0;
    }
    (void)fprintf(stderr,
                  "kernel_echo: the kernel gives no congestion control '%s': %s. It has those of "
                  "net.ipv4.tcp_available_congestion_control.\n",
                  name, strerror(errno));
    return -1;
}

static int open_listener(const struct kernel_options *options)
{
    struct sockaddr_storage address = options->address;
    int one = 1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    set_port(&address, options->port);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
        bind(fd, (const struct sockaddr *)&address, options->address_bytes) == 0 &&
        listen(fd, 4096) == 0) {
        if (set_congestion(options, fd) == 0) {
            return fd;
        }
        (void)close(fd);
        return -1;
    }
    (void)fprintf(stderr, "kernel_echo: port %u of %s can't be listened on: %s.\n", options->port,
                  options->address_text, strerror(errno));
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

/* As many descriptors as may be had: what shells allow at first is 1,024. */
static uint32_t raise_descriptors(void)
{
    struct rlimit limit;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < descriptors_max ? limit.rlim_max : descriptors_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (uint32_t)(limit.rlim_cur < descriptors_max ? limit.rlim_cur : descriptors_max);
}

int kernel_worker_open(struct kernel_worker *worker, const struct kernel_options *options)
{
    static const struct kernel_engine *const engines[] = {
        [KERNEL_EPOLL] = &kernel_epoll,
        [KERNEL_URING] = &kernel_uring,
        [KERNEL_BUSY_POLL] = &kernel_busy_poll,
    };

    *worker = (struct kernel_worker){
        .options = options, .engine = engines[options->engine], .listen_fd = -1, .stop_fd = -1};
    worker->conns_max = raise_descriptors();
    worker->listen_fd = open_listener(options);
    if (worker->listen_fd < 0) {
        return -1;
    }
    worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->stop_fd < 0) {
        (void)fprintf(stderr, "kernel_echo: no descriptor can be had: %s.\n", strerror(errno));
        return -1;
    }
    return worker->engine->open(worker);
}

static void *run(void *argument)
{
    struct kernel_worker *worker = argument;

    worker->engine->serve(worker);
    return NULL;
}

int kernel_worker_start(struct kernel_worker *worker, int core)
{
    pthread_attr_t attributes;
    cpu_set_t cores;
    int error = 0;

    (void)pthread_attr_init(&attributes);
    if (core >= 0) {
        CPU_ZERO(&cores);
        CPU_SET((unsigned)core, &cores);
        error = core < CPU_SETSIZE ? pthread_attr_setaffinity_np(&attributes, sizeof cores, &cores)
                                   : EINVAL;
    }
    if (error == 0) {
        error = pthread_create(&worker->thread, &attributes, run, worker);
    }
    (void)pthread_attr_destroy(&attributes);
    if (error != 0 && core >= 0) {
        (void)fprintf(stderr,
                      "kernel_echo: no thread can be started on core %d: %s; give --cores those "
                      "that this process may use.\n",
                      core, strerror(error));
    } else if (error != 0) {
        (void)fprintf(stderr, "kernel_echo: no thread can be started: %s.\n", strerror(error));
    }
    return error == 0 ? 0 : -1;
}

void kernel_worker_stop(struct kernel_worker *worker)
{
    uint64_t one = 1;

    (void)!write(worker->stop_fd, &one, sizeof one);
    (void)pthread_join(worker->thread, NULL);
}

void kernel_worker_close(struct kernel_worker *worker)
{
    if (worker->state) {
        worker->engine->close(worker);
    }
    if (worker->stop_fd >= 0) {
        (void)close(worker->stop_fd);
    }
    if (worker->listen_fd >= 0) {
        (void)close(worker->listen_fd);
    }
}

bool kernel_worker_may_sleep(struct kernel_worker *worker, bool was_busy)
{
    bool may;

    if (worker->options->wait == KERNEL_WAIT_BUSY) {
        return false;
    }
    if (worker->options->wait == KERNEL_WAIT_ADAPTIVE) {
        if (was_busy) {
            worker->idle_since_ns = 0;
            return false;
        }
        if (worker->idle_since_ns == 0) {
            worker->idle_since_ns = clock_now_ns();
        }
        may = clock_now_ns() - worker->idle_since_ns >= spin_ns;
    } else {
        may = true;
    }
    if (may) {
        kernel_count(&worker->stats.sleeps, 1);
    }
    return may;
}
