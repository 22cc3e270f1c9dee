#include "datapath/xdp/program.h"

#include "bpf/object.h"
#include "datapath/util.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM_NAME "headrace_xdp" /* of the function in headrace.bpf.c */
#define ATTACH_TRIES 1000
#define ATTACH_PAUSE_NS (2 * NS_PER_MS) /* 1,000 tries: two seconds */

const struct program program_none = {
    .program = {.fd = -1},
    .sockets = {.fd = -1},
    .link = {.fd = -1},
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0;
}

static int explain_load(struct xdp_error *error, int errnum)
{
    if (errnum == -EPERM || errnum == -EACCES) {
        return xdp_error_set(error, errnum,
                             "Not enough privilege to load an XDP program: run as root, or with "
                             "the capabilities CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and "
                             "CAP_NET_RAW.");
    }
    if (errnum == -EMFILE) {
        return xdp_error_set(error, errnum,
                             "The XDP program needs more open files than this process may have: "
                             "raise ulimit -n.");
    }
    return xdp_error_set(error, errnum,
                         "The kernel refused the XDP program: %s; Linux 6.1 or later is needed.",
                         strerror(-errnum));
}

/* The mapping outlives the descriptor, and keeps the map. */
static void *map_array(const struct bpf_object *object, const char *name, size_t bytes,
                       int protection)
{
    int fd = bpf_object__find_map_fd_by_name(object, name);
    void *base = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(base, bytes, MADV_DONTFORK);
    return base;
}

static int keep(struct guarded_fd *guarded, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0) {
        return -errno;
    }
    guarded_fd_open(guarded, copy);
    return 0;
}

/* Keeps what we need of the object, which is thrown away then. */
static int take_parts(struct program *program, const struct bpf_object *object,
                      uint32_t slots_per_queue)
{
    struct bpf_program *code = bpf_object__find_program_by_name(object, PROGRAM_NAME);
    int result = keep(&program->program, bpf_program__fd(code));

    if (result == 0) {
        result = keep(&program->sockets, bpf_object__find_map_fd_by_name(object, "sockets"));
    }
    if (result != 0) {
        return result;
    }
    program->config = map_array(object, "config", sizeof *program->config, PROT_READ | PROT_WRITE);
    program->counters = map_array(object, "counters", sizeof *program->counters, PROT_READ);
    if (program->config == NULL || program->counters == NULL) {
        return -ENOMEM;
    }
    program->config->slots_per_queue = slots_per_queue;
    return 0;
}

static int load_object(struct program *program, const struct program_config *config)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "headrace");
    const void *bytes = config->frags ? bpf_object_frags : bpf_object_plain;
    size_t count = config->frags ? bpf_object_frags_bytes : bpf_object_plain_bytes;
    struct bpf_object *object = bpf_object__open_mem(bytes, count, &options);
    struct bpf_map *sockets;
    int result;

    if (object == NULL) {
        return -errno;
    }
    sockets = bpf_object__find_map_by_name(object, "sockets");
    result = bpf_map__set_max_entries(sockets, config->queue_count * config->slots_per_queue);
    if (result == 0) {
        result = bpf_object__load(object);
    }
    if (result == 0) {
        result = take_parts(program, object, config->slots_per_queue);
    }
    bpf_object__close(object);
    return result;
}

int program_load(struct program *program, const struct program_config *config,
                 struct xdp_error *error)
{
    libbpf_print_fn_t before;
    int result;

    *program = program_none;
    /* A library does not print; what libbpf would say is in our sentence. */
    before = libbpf_set_print(quiet);
    result = load_object(program, config);
    libbpf_set_print(before);
    if (result != 0) {
        program_close(program);
        return explain_load(error, result);
    }
    return 0;
}

int program_set_socket(struct program *program, uint32_t queue, uint32_t slot, int socket_fd,
                       struct xdp_error *error)
{
    uint32_t index = bpf_socket_index(queue, program->config->slots_per_queue, slot);
    int result = bpf_map_update_elem(program->sockets.fd, &index, &socket_fd, BPF_ANY);

    if (result != 0) {
        return xdp_error_set(error, result, "Can't hand queue %u to its AF_XDP socket: %s.", queue,
                             strerror(-result));
    }
    return 0;
}

static int explain_table(struct xdp_error *error, const char *family, unsigned max)
{
    return xdp_error_set(error, -ENOSPC,
                         "Too many own addresses: at most %u %s addresses fit on an interface.",
                         max, family);
}

/* Release: the program finds the address when it finds the count. */
int program_add_address(struct program *program, const struct ip_addr *address,
                        struct xdp_error *error)
{
    struct bpf_config *config = program->config;

    if (ip_addr_is_v4(address)) {
        if (config->v4_count == BPF_V4_MAX) {
            return explain_table(error, "IPv4", BPF_V4_MAX);
        }
        memcpy(&config->v4[config->v4_count], address->bytes + 12, 4);
        __atomic_store_n(&config->v4_count, config->v4_count + 1, __ATOMIC_RELEASE);
        return 0;
    }
    if (config->v6_count == BPF_V6_MAX) {
        return explain_table(error, "IPv6", BPF_V6_MAX);
    }
    memcpy(&config->v6[config->v6_count], address->bytes, sizeof config->v6[0]);
    __atomic_store_n(&config->v6_count, config->v6_count + 1, __ATOMIC_RELEASE);
    return 0;
}

/* The program that is attached: id 0 for none, and its name when it may be known. */
struct attached {
    uint32_t id;
    bool generic;
    char name[BPF_OBJ_NAME_LEN];
};

static struct attached attached_program(const struct program_target *target)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    struct attached attached = {.name = "?"};
    struct bpf_prog_info info;
    uint32_t bytes = sizeof info;
    int fd;

    if (bpf_xdp_query((int)target->ifindex, 0, &query) != 0) {
        return attached;
    }
    attached.generic = query.attach_mode == XDP_ATTACHED_SKB;
    attached.id = attached.generic ? query.skb_prog_id : query.prog_id;
    fd = attached.id != 0 ? bpf_prog_get_fd_by_id(attached.id) : -1;
    if (fd >= 0) {
        memset(&info, 0, sizeof info);
        if (bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0) {
            memcpy(attached.name, info.name, BPF_OBJ_NAME_LEN);
        }
        close(fd);
    }
    return attached;
}

static int explain_foreign(struct xdp_error *error, const struct program_target *target,
                           const struct attached *attached)
{
    if (strcmp(attached->name, PROGRAM_NAME) == 0) {
        return xdp_error_set(error, -EBUSY,
                             "%s has another Headrace's XDP program attached (id %u): stop the "
                             "other process first.",
                             target->interface, attached->id);
    }
    /* "xdp off" leaves a generic program where the driver could have one. */
    return xdp_error_set(error, -EBUSY,
                         "%s has someone else's XDP program attached ('%s', id %u): stop the "
                         "program that did it, or detach it with 'ip link set dev %s %s off'.",
                         target->interface, attached->name, attached->id, target->interface,
                         attached->generic ? "xdpgeneric" : "xdp");
}

int program_check_foreign(const struct program_target *target, struct xdp_error *error)
{
    const struct attached attached = attached_program(target);

    if (attached.id == 0 || strcmp(attached.name, PROGRAM_NAME) == 0) {
        return 0;
    }
    return explain_foreign(error, target, &attached);
}

static int explain_attach(struct xdp_error *error, const struct program_target *target, int errnum)
{
    const char *mode = target->generic ? "generic" : "native";

    if (errnum == -ERANGE) {
        return xdp_error_set(error, errnum,
                             "%s can't take the XDP program in %s mode with its MTU: set a smaller "
                             "one with 'ip link set %s mtu 1500'.",
                             target->interface, mode, target->interface);
    }
    if (errnum == -EPERM) {
        return explain_load(error, errnum);
    }
    return xdp_error_set(
        error, errnum, "%s refused the XDP program in %s mode: %s%s.", target->interface, mode,
        strerror(-errnum),
        target->is_chosen && !target->generic ? "; use --mode generic with this driver" : "");
}

int program_attach(struct program *program, const struct program_target *target,
                   struct xdp_error *error)
{
    LIBBPF_OPTS(bpf_link_create_opts, options,
                .flags = target->generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    const struct timespec pause = {.tv_nsec = ATTACH_PAUSE_NS};
    struct attached attached;
    int fd;

    for (unsigned i = 0; i < ATTACH_TRIES; i++) {
        fd = bpf_link_create(program->program.fd, (int)target->ifindex, BPF_XDP, &options);
        if (fd >= 0) {
            guarded_fd_open(&program->link, fd);
            return 0;
        }
        /* EEXIST: attached on the other hook, generic or the driver's. */
        if (fd != -EBUSY && fd != -EEXIST) {
            return explain_attach(error, target, fd);
        }
        if (program_check_foreign(target, error) != 0) {
            return -EBUSY;
        }
        nanosleep(&pause, NULL);
    }
    attached = attached_program(target);
    return explain_foreign(error, target, &attached);
}

void program_close(struct program *program)
{
    bool in_child = program->program.fd < 0;

    guarded_fd_close(&program->link);
    guarded_fd_close(&program->sockets);
    guarded_fd_close(&program->program);
    /* In a forked child nothing is mapped, and the places may be another's. */
    if (!in_child && program->config != NULL) {
        munmap(program->config, sizeof *program->config);
    }
    if (!in_child && program->counters != NULL) {
        munmap(program->counters, sizeof *program->counters);
    }
    program->config = NULL;
    program->counters = NULL;
}
