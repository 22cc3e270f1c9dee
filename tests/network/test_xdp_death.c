/*
 * Goal:   death leaves nothing behind: within 100 ms of kill -9, also with a
 *         forked child alive, the interface is the kernel's, and opening it
 *         again works.
 * Method: a victim opens and serves the interface in a process of its own, and
 *         is killed; the time until no program is attached is taken.
 */
#include "tests/network/stage.h"

#include "datapath/util.h"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t attached_id(void)
{
    uint32_t id = 0;

    assert_int_equal(bpf_xdp_query_id((int)if_nametoindex(PLACE_NEAR), 0, &id), 0);
    return id;
}

static void death_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *name;
        enum xdp_mode mode;
        bool with_child;
    } cases[] = {
        {"native", XDP_MODE_NATIVE, false},
        {"native, a forked child alive", XDP_MODE_NATIVE, true},
        {"generic", XDP_MODE_GENERIC, false},
        {"generic, a forked child alive", XDP_MODE_GENERIC, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stage stage;
        uint64_t killed_ms;
        uint64_t clean_ms;
        pid_t grandchild;
        pid_t pid;

        stage_open(&stage, 1, cases[i].mode);
        pid = victim(&stage, cases[i].with_child, &grandchild);
        usleep(20000); /* the grandchild has passed its xdp_close */
        assert_int_not_equal(attached_id(), 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        killed_ms = now_ms();
        while (attached_id() != 0 && now_ms() < killed_ms + 1000) {
            usleep(500);
        }
        clean_ms = now_ms();
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        stage_start(&stage);
        print_message("  %s: clean after %u ms, open again after %u ms\n", cases[i].name,
                      (unsigned)(clean_ms - killed_ms), (unsigned)(now_ms() - killed_ms));
        assert_true(clean_ms - killed_ms <= 100);
        reflect(&stage, 4, 4, 64);
        if (grandchild > 0) {
            assert_int_equal(kill(grandchild, SIGKILL), 0);
        }
        settle(&stage);
        stage_close(&stage);
    }
}

/* The other way round: our child dies, and we go on. */
static void forked_child_does_no_harm(void **state)
{
    struct stage stage;
    pid_t pid;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    stage_start(&stage);
    pid = fork();
    if (pid == 0) {
        xdp_close(stage.interface);
        xdp_memory_close(&stage.memory);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_not_equal(attached_id(), 0);
    reflect(&stage, 4, 4, 64);
    settle(&stage);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_leaves_nothing_behind),
        cmocka_unit_test(forked_child_does_no_harm),
    };

    return cmocka_run_group_tests(tests, place_need_root, NULL);
}
