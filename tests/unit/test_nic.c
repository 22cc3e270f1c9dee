/*
 * Goal:   what an interface may not be is said with the command that mends it.
 * Method: facts of drivers that are not here, as nic_read would give them. How
 *         they are read is tested against the kernel (tests/network).
 */
#include "datapath/util.h"
#include "datapath/xdp/nic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define VLAN (1u << NIC_OFFLOAD_VLAN)
#define SVLAN (1u << NIC_OFFLOAD_SVLAN)
#define LRO (1u << NIC_OFFLOAD_LRO)
#define HW_GRO (1u << NIC_OFFLOAD_HW_GRO)

static void facts_are_judged(void **state)
{
    static const struct {
        const char *name;
        struct nic_facts facts;
        int result;
        const char *says;
    } cases[] = {
        {"good", {.driver = "igb", .is_up = true, .is_ethernet = true}, 0, ""},
        {"down", {.driver = "igb", .is_ethernet = true}, -ENETDOWN, "ip link set eth9 up"},
        {"no MAC", {.driver = "tun", .is_up = true}, -EINVAL, "not an Ethernet interface"},
        {"strips tags",
         {.driver = "igb", .is_up = true, .is_ethernet = true, .offloads = VLAN},
         -EINVAL,
         "'ethtool -K eth9 rxvlan off'"},
        {"merges",
         {.driver = "ixgbe", .is_up = true, .is_ethernet = true, .offloads = LRO},
         -EINVAL,
         "'ethtool -K eth9 lro off'"},
        {"all at once",
         {.driver = "bnxt", .is_up = true, .is_ethernet = true, .offloads = VLAN | LRO | HW_GRO},
         -EINVAL,
         "'ethtool -K eth9 rxvlan off lro off rx-gro-hw off'"},
        {"veth only says so",
         {.driver = "veth", .is_up = true, .is_ethernet = true, .offloads = VLAN | SVLAN},
         0,
         ""},
        {"veth that merges",
         {.driver = "veth", .is_up = true, .is_ethernet = true, .offloads = VLAN | HW_GRO},
         -EINVAL,
         "'ethtool -K eth9 rx-gro-hw off'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nic_facts facts = cases[i].facts;
        struct xdp_error error = {0};
        int result;

        strcpy(facts.name, "eth9");
        result = nic_check(&facts, &error);
        if (result != cases[i].result || strstr(error.text, cases[i].says) == NULL) {
            fail_msg("%s: %d, %s", cases[i].name, result, error.text);
        }
    }
}

static void queues_are_counted_from_zero(void **state)
{
    const struct nic_facts facts = {.name = "eth9", .queue_count = 4};
    struct xdp_error error = {0};

    (void)state;
    assert_int_equal(nic_check_queue(&facts, 0, &error), 0);
    assert_int_equal(nic_check_queue(&facts, 3, &error), 0);
    assert_int_equal(nic_check_queue(&facts, 4, &error), -EINVAL);
    assert_non_null(strstr(error.text, "eth9 has no queue 4: its queues are 0 to 3"));
}

static void twice_the_ring_is_lent(void **state)
{
    static const struct {
        uint32_t ring, lent;
    } cases[] = {
        {0, 2048},    {256, 2048},  {1024, 2048},  {1025, 4096},
        {2048, 4096}, {4078, 8192}, {8192, 16384}, {NIC_RX_RING_FRAMES_MAX, 131072},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct nic_facts facts = {.rx_ring_frames = cases[i].ring};

        print_message("  %u\n", cases[i].ring);
        assert_int_equal(nic_frames_to_lend(&facts), cases[i].lent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_judged),
        cmocka_unit_test(queues_are_counted_from_zero),
        cmocka_unit_test(twice_the_ring_is_lent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
