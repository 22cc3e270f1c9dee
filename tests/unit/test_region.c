/*
 * Goal:   the region is one piece of zeroed memory that can be written to at
 *         once, that a forked child does not have, and that is refused with a
 *         sentence when it can't be had.
 * Method: regions of a few frames; a child touches the memory and must die of it.
 */
#include "datapath/xdp/memory.h"
#include "datapath/xdp/numa.h"

#include "datapath/util.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int open_region(struct region *region, uint32_t chunks, uint32_t chunk_bytes,
                       struct xdp_error *error)
{
    int nodes[] = {numa_node_near(0), NUMA_NODE_ANY, 0}; /* node 0 there always is */
    struct region_config config = {
        .chunk_count = chunks,
        .chunk_bytes = chunk_bytes,
        .part_count = COUNT_OF(nodes),
        .nodes = nodes,
    };

    return region_open(region, &config, error);
}

static void region_is_memory(void **state)
{
    static const uint32_t chunk_bytes[] = {2048, 4096};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(chunk_bytes); i++) {
        struct region region;
        struct xdp_error error;

        assert_int_equal(open_region(&region, 33, chunk_bytes[i], &error), 0);
        assert_int_equal((uintptr_t)region.base % 4096, 0);
        assert_true(region.bytes >= 33 * (size_t)chunk_bytes[i]);
        for (size_t at = 0; at < region.bytes; at++) {
            assert_int_equal(region.base[at], 0);
        }
        memset(region.base, 1, region.bytes);
        assert_true(fcntl(region.memory.fd, F_GETFD) & FD_CLOEXEC);
        region_close(&region);
        region_close(&region); /* harmless */
    }
}

static void child_has_no_frames(void **state)
{
    const struct rlimit no_core = {0, 0};
    struct region region;
    struct xdp_error error;
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(open_region(&region, 4, 4096, &error), 0);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        if (region.memory.fd != -1) {
            _exit(1);
        }
        *(volatile uint8_t *)region.base = 1;
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_int_equal(region.base[0], 0);
    region_close(&region);
}

/* Several guarded descriptors, some closed before the fork: exactly the open
 * ones are closed in the child, and the parent keeps them. */
static void child_has_no_descriptors(void **state)
{
    struct guarded_fd guarded[5];
    int fds[5];
    int status;
    pid_t pid;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fds[i] >= 0);
        guarded_fd_open(&guarded[i], fds[i]);
    }
    guarded_fd_close(&guarded[0]);
    guarded_fd_close(&guarded[3]);
    guarded_fd_close(&guarded[3]);
    pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            if (guarded[i].fd != -1 || fcntl(fds[i], F_GETFD) != -1) {
                _exit(1);
            }
            guarded_fd_close(&guarded[i]);
        }
        guarded_fd_open(&guarded[0], open("/dev/null", O_RDONLY | O_CLOEXEC));
        guarded_fd_close(&guarded[0]);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        bool is_open = i != 0 && i != 3;

        assert_int_equal(guarded[i].fd, is_open ? fds[i] : -1);
        assert_int_equal(fcntl(fds[i], F_GETFD) != -1, is_open);
        guarded_fd_close(&guarded[i]);
    }
}

static void pools_divide_the_region(void **state)
{
    const struct xdp_memory_config config = {
        .pool_count = 3, .frames_per_pool = 50, .chunk_bytes = 2048, .floor = {20, 10, 20}};
    struct xdp_memory memory;
    struct xdp_error error;

    (void)state;
    assert_int_equal(xdp_memory_open(&memory, &config, &error), 0);
    assert_int_equal(memory.pool_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(memory.pools[i].first, 50 * i);
        assert_true(frame_pool_check(&memory.pools[i]));
        assert_ptr_equal(frame_data(&memory.pools[i], 50 * i),
                         memory.region.base + 50 * 2048 * (size_t)i);
    }
    xdp_memory_close(&memory);
}

static void bad_configurations_are_sentences(void **state)
{
    static const struct {
        const char *name;
        struct xdp_memory_config config;
        int result;
        const char *says;
    } cases[] = {
        {"chunk", {1, 100, 8192, {1, 1, 1}, NULL}, -EINVAL, "can't have 8192 bytes"},
        {"no pool", {0, 100, 4096, {1, 1, 1}, NULL}, -EINVAL, "each of 0 workers"},
        {"floors", {2, 100, 4096, {50, 50, 1}, NULL}, -EINVAL, "at least 101"},
        {"indices", {4, 1u << 30, 4096, {50, 50, 1}, NULL}, -EINVAL, "4,294,967,295"},
        {"memory", {1, 1u << 31, 4096, {50, 50, 1}, NULL}, -ENOMEM, "use fewer frames"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct xdp_memory memory;
        struct xdp_error error = {0};
        int result = xdp_memory_open(&memory, &cases[i].config, &error);

        if (result != cases[i].result || error.errnum != result ||
            strstr(error.text, cases[i].says) == NULL) {
            fail_msg("%s: %d, %s", cases[i].name, result, error.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_is_memory),
        cmocka_unit_test(child_has_no_frames),
        cmocka_unit_test(child_has_no_descriptors),
        cmocka_unit_test(pools_divide_the_region),
        cmocka_unit_test(bad_configurations_are_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
