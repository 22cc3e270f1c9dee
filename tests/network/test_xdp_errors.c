/*
 * Goal:   each start-up error is one sentence that says what is wrong and what
 *         to do, with the right errno, and leaves nothing behind.
 * Method: a table of ways to spoil a configuration that would work, each tried
 *         in a child, since one of them gives the privileges up.
 */
#include "tests/network/stage.h"

#include "datapath/util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The other program: passes everything. */
static void attach_stranger(void)
{
    const struct bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_EXIT},
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", pass, COUNT_OF(pass), NULL);

    assert_true(fd >= 0);
    assert_int_equal(bpf_xdp_attach((int)if_nametoindex(PLACE_NEAR), fd, 0, NULL), 0);
    close(fd);
}

static void make_down(struct stage *stage)
{
    (void)stage;
    place_run("ip link set " PLACE_NEAR " down");
}

static void make_stranger(struct stage *stage)
{
    (void)stage;
    attach_stranger();
}

static void make_no_interface(struct stage *stage)
{
    stage->config.interface = "nowhere0";
}

static void make_long_name(struct stage *stage)
{
    stage->config.interface = "a-name-longer-than-any";
}

static void make_loopback(struct stage *stage)
{
    stage->config.interface = "lo";
}

static void make_queue_high(struct stage *stage)
{
    stage->queues[0].queue = 5;
}

static void make_queue_twice(struct stage *stage)
{
    stage->queues[1] = stage->queues[0];
    stage->config.queue_count = 2;
}

static void make_zero_copy(struct stage *stage)
{
    stage->config.mode = XDP_MODE_ZEROCOPY;
}

static void make_kernels_v4(struct stage *stage)
{
    stage->own = ip_addr_v4(ntohl(inet_addr("10.77.0.1")));
}

static void make_kernels_v6(struct stage *stage)
{
    assert_int_equal(inet_pton(AF_INET6, "fd77::1", stage->own.bytes), 1);
}

static void make_bad_ring(struct stage *stage)
{
    stage->config.entries[XSK_RX] = 1000;
}

static void make_bad_rings(struct stage *stage)
{
    stage->config.entries[XSK_RX] = 2048;
}

static void make_poor_pool(struct stage *stage)
{
    stage->config.entries[XSK_FILL] = 4096;
}

static void drop_privilege(struct stage *stage)
{
    (void)stage;
    assert_int_equal(setresgid(65534, 65534, 65534), 0);
    assert_int_equal(setresuid(65534, 65534, 65534), 0);
}

static const struct {
    const char *name;
    void (*spoil)(struct stage *stage);
    int errnum;
    const char *says[3];
} errors[] = {
    {"no such interface", make_no_interface, -ENODEV, {"no interface 'nowhere0'", "ip link"}},
    {"name too long", make_long_name, -ENODEV, {"no interface", "15 letters"}},
    {"not Ethernet", make_loopback, -EINVAL, {"lo is not an Ethernet"}},
    {"interface down", make_down, -ENETDOWN, {"down", "ip link set " PLACE_NEAR " up"}},
    {"queue out of range", make_queue_high, -EINVAL, {"no queue 5", "0 to 0", "ethtool -L"}},
    {"queue twice", make_queue_twice, -EINVAL, {"named twice"}},
    {"zero-copy refused", make_zero_copy, -EOPNOTSUPP, {"zero-copy", "--mode native"}},
    {"someone else's program",
     make_stranger,
     -EBUSY,
     {"someone else's", "stranger", PLACE_NEAR " xdp off"}},
    {"kernel's IPv4", make_kernels_v4, -EADDRINUSE, {"10.77.0.1", "kernel's already"}},
    {"kernel's IPv6", make_kernels_v6, -EADDRINUSE, {"fd77::1", "kernel's already"}},
    {"ring size", make_bad_ring, -EINVAL, {"1000", "power of two"}},
    {"ring relation", make_bad_rings, -EINVAL, {"RX must be smaller than FILL"}},
    {"pool too small", make_poor_pool, -EINVAL, {"can't lend 4096"}},
    {"no privilege", drop_privilege, -EPERM, {"Not enough privilege", "CAP_NET_RAW", "root"}},
};

/* Each in a child, since some of them give privileges up. The program of a
 * child that ends with an assertion ends with it. */
static void each_error_is_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct stage stage;
        int status;
        pid_t pid;

        stage_open(&stage, 1, XDP_MODE_AUTO);
        pid = fork();
        if (pid == 0) {
            int result;

            stage_in_child(&stage);
            errors[i].spoil(&stage);
            result = xdp_open(&stage.config, &stage.interface, &stage.error);
            printf("  %s: %s\n", errors[i].name, stage.error.text);
            fflush(stdout);
            for (unsigned j = 0; j < 3 && errors[i].says[j] != NULL; j++) {
                if (strstr(stage.error.text, errors[i].says[j]) == NULL) {
                    printf("  does not say: %s\n", errors[i].says[j]);
                    fflush(stdout);
                    _exit(2);
                }
            }
            _exit(result == errors[i].errnum && stage.error.errnum == result ? 0 : 3);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0) {
            fail_msg("%s: status %#x", errors[i].name, (unsigned)status);
        }
        stage_close(&stage);
    }
}

static void no_memory_is_a_sentence(void **state)
{
    struct xdp_memory_config config = stage_memory;
    struct xdp_error error = {0};
    struct xdp_memory memory;

    (void)state;
    config.frames_per_pool = 1u << 30;
    assert_int_equal(xdp_memory_open(&memory, &config, &error), -ENOMEM);
    print_message("  %s\n", error.text);
    assert_non_null(strstr(error.text, "No memory for"));
    config.frames_per_pool = 10;
    assert_int_equal(xdp_memory_open(&memory, &config, &error), -EINVAL);
    print_message("  %s\n", error.text);
}

/* Two processes want the same queue: the second waits for two seconds. */
static void busy_queue_is_a_sentence(void **state)
{
    struct stage stage;
    uint64_t start_ms;
    pid_t grandchild;
    pid_t pid;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    pid = victim(&stage, false, &grandchild);
    start_ms = now_ms();
    assert_int_equal(xdp_open(&stage.config, &stage.interface, &stage.error), -EBUSY);
    print_message("  %s\n", stage.error.text);
    assert_non_null(strstr(stage.error.text, "Queue 0 of " PLACE_NEAR " is held by another"));
    assert_in_range(now_ms() - start_ms, 1900, 3000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    stage_close(&stage);
}

static void offloads_can_be_switched_off(void **state)
{
    struct stage stage;
    struct nic_facts facts;

    (void)state;
    stage_open(&stage, 1, XDP_MODE_NATIVE);
    assert_int_equal(nic_read(PLACE_NEAR, &facts, &stage.error), 0);
    assert_string_equal(facts.driver, "veth");
    assert_true(facts.is_up && facts.is_ethernet);
    assert_int_equal(facts.mtu_bytes, 1500);
    assert_int_equal(facts.queue_count, 1);
    assert_int_equal(facts.offloads & 1u << NIC_OFFLOAD_VLAN, 1u << NIC_OFFLOAD_VLAN);
    assert_int_equal(nic_check(&facts, &stage.error), 0);
    strcpy(facts.driver, "as if it were a NIC");
    assert_int_equal(nic_check(&facts, &stage.error), -EINVAL);
    print_message("  %s\n", stage.error.text);
    assert_non_null(strstr(stage.error.text, "ethtool -K " PLACE_NEAR " rxvlan off"));
    assert_int_equal(nic_offloads_off(&facts, &stage.error), 0);
    assert_int_equal(nic_check(&facts, &stage.error), 0);
    assert_int_equal(nic_read(PLACE_NEAR, &facts, &stage.error), 0);
    assert_int_equal(facts.offloads, 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_is_a_sentence),
        cmocka_unit_test(no_memory_is_a_sentence),
        cmocka_unit_test(busy_queue_is_a_sentence),
        cmocka_unit_test(offloads_can_be_switched_off),
    };

    return cmocka_run_group_tests(tests, place_need_root, NULL);
}
