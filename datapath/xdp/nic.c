#include "datapath/xdp/nic.h"

#include "datapath/util.h"
#include "datapath/xdp/ethtool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct {
    const char *feature;  /* the kernel's name */
    const char *switches; /* what `ethtool -K` calls it */
} offload_names[NIC_OFFLOAD_COUNT] = {
    [NIC_OFFLOAD_VLAN] = {"rx-vlan-hw-parse", "rxvlan"},
    [NIC_OFFLOAD_SVLAN] = {"rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse"},
    [NIC_OFFLOAD_LRO] = {"rx-lro", "lro"},
    [NIC_OFFLOAD_HW_GRO] = {"rx-gro-hw", "rx-gro-hw"},
};

/* One ioctl about the interface; 0 or a negative errno. */
static int ask(int fd, unsigned long request, const struct nic_facts *facts, struct ifreq *answer)
{
    memset(answer, 0, sizeof *answer);
    memcpy(answer->ifr_name, facts->name, sizeof answer->ifr_name);
    return ioctl(fd, request, answer) == 0 ? 0 : -errno;
}

static int read_link(int fd, struct nic_facts *facts)
{
    struct ifreq answer;
    int result = ask(fd, SIOCGIFINDEX, facts, &answer);

    if (result != 0) {
        return result;
    }
    facts->ifindex = (uint32_t)answer.ifr_ifindex;
    if ((result = ask(fd, SIOCGIFFLAGS, facts, &answer)) != 0) {
        return result;
    }
    facts->is_up = (answer.ifr_flags & IFF_UP) != 0;
    if ((result = ask(fd, SIOCGIFHWADDR, facts, &answer)) != 0) {
        return result;
    }
    facts->is_ethernet = answer.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    memcpy(facts->mac.bytes, answer.ifr_hwaddr.sa_data, sizeof facts->mac.bytes);
    if ((result = ask(fd, SIOCGIFMTU, facts, &answer)) != 0) {
        return result;
    }
    facts->mtu_bytes = (uint32_t)answer.ifr_mtu;
    return 0;
}

/* Not every driver answers each of these; then the fact keeps its default. A
 * driver without channels has one queue. */
static void read_driver(int fd, struct nic_facts *facts)
{
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
    uint32_t pairs;

    if (ethtool_call(fd, facts->name, &driver) == 0) {
        snprintf(facts->driver, sizeof facts->driver, "%.31s", driver.driver);
    }
    facts->queue_count = 1;
    if (ethtool_call(fd, facts->name, &channels) == 0) {
        pairs = channels.combined_count + min_u32(channels.rx_count, channels.tx_count);
        facts->queue_count = max_u32(pairs, 1);
    }
    if (ethtool_call(fd, facts->name, &ring) == 0) {
        facts->rx_ring_frames = min_u32(ring.rx_pending, NIC_RX_RING_FRAMES_MAX);
    }
}

static void read_offloads(int fd, struct nic_facts *facts)
{
    facts->offloads = 0;
    facts->offloads_settable = 0;
    for (unsigned i = 0; i < NIC_OFFLOAD_COUNT; i++) {
        struct ethtool_feature feature;

        if (ethtool_feature_read(fd, facts->name, offload_names[i].feature, &feature) == 0) {
            facts->offloads |= (uint32_t)feature.is_on << i;
            facts->offloads_settable |= (uint32_t)feature.is_settable << i;
        }
    }
}

static int open_control(struct xdp_error *error)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return xdp_error_set(error, -errno, "Can't make a socket to ask about interfaces: %s.",
                             strerror(errno));
    }
    return fd;
}

int nic_read(const char *interface, struct nic_facts *facts, struct xdp_error *error)
{
    int fd;
    int result;

    memset(facts, 0, sizeof *facts);
    if (strlen(interface) >= sizeof facts->name) {
        return xdp_error_set(error, -ENODEV,
                             "There is no interface '%.40s': a name has at most %zu letters; 'ip "
                             "link' lists those that exist.",
                             interface, sizeof facts->name - 1);
    }
    memcpy(facts->name, interface, strlen(interface) + 1);
    fd = open_control(error);
    if (fd < 0) {
        return fd;
    }
    result = read_link(fd, facts);
    if (result == -ENODEV) {
        xdp_error_set(error, result,
                      "There is no interface '%s' in this network namespace: 'ip link' lists those "
                      "that exist.",
                      interface);
    } else if (result != 0) {
        xdp_error_set(error, result, "Can't ask about the interface %s: %s.", interface,
                      strerror(-result));
    } else {
        read_driver(fd, facts);
        read_offloads(fd, facts);
    }
    close(fd);
    return result;
}

/* veth says that it strips VLAN tags, but has no hardware that could: a tag is
 * missing only when the peer's kernel sent it beside the packet (its own
 * 'tx-vlan-offload'), which can't be seen from here. */
static uint32_t harmful_offloads(const struct nic_facts *facts)
{
    const uint32_t tags = 1u << NIC_OFFLOAD_VLAN | 1u << NIC_OFFLOAD_SVLAN;

    return strcmp(facts->driver, "veth") == 0 ? facts->offloads & ~tags : facts->offloads;
}

static int explain_offloads(const struct nic_facts *facts, uint32_t harmful,
                            struct xdp_error *error)
{
    char command[128] = "";
    size_t used = 0;

    for (unsigned i = 0; i < NIC_OFFLOAD_COUNT; i++) {
        if ((harmful >> i & 1) != 0) {
            used += (size_t)snprintf(command + used, sizeof command - used, " %s off",
                                     offload_names[i].switches);
        }
    }
    return xdp_error_set(error, -EINVAL,
                         "%s has receive offloads on that break AF_XDP: switch them off with "
                         "'ethtool -K %s%s'.",
                         facts->name, facts->name, command);
}

int nic_check(const struct nic_facts *facts, struct xdp_error *error)
{
    uint32_t harmful = harmful_offloads(facts);

    if (!facts->is_ethernet) {
        return xdp_error_set(error, -EINVAL,
                             "%s is not an Ethernet interface: use one that has a MAC address; "
                             "local clients of this machine can't be served.",
                             facts->name);
    }
    if (!facts->is_up) {
        return xdp_error_set(error, -ENETDOWN,
                             "The interface %s is down: bring it up with 'ip link set %s up'.",
                             facts->name, facts->name);
    }
    return harmful != 0 ? explain_offloads(facts, harmful, error) : 0;
}

uint32_t nic_frames_to_lend(const struct nic_facts *facts)
{
    uint32_t frames = NIC_FRAMES_TO_LEND_MIN;

    while (frames / 2 < facts->rx_ring_frames) {
        frames *= 2;
    }
    return frames;
}

int nic_check_queue(const struct nic_facts *facts, uint32_t queue, struct xdp_error *error)
{
    if (queue < facts->queue_count) {
        return 0;
    }
    return xdp_error_set(error, -EINVAL,
                         "%s has no queue %u: its queues are 0 to %u; 'ethtool -L' may give it "
                         "more.",
                         facts->name, queue, facts->queue_count - 1);
}

int nic_offloads_off(struct nic_facts *facts, struct xdp_error *error)
{
    uint32_t wanted = facts->offloads & facts->offloads_settable;
    int fd = open_control(error);
    int result = 0;

    if (fd < 0) {
        return fd;
    }
    for (unsigned i = 0; i < NIC_OFFLOAD_COUNT && result == 0; i++) {
        if ((wanted >> i & 1) != 0) {
            result = ethtool_feature_off(fd, facts->name, offload_names[i].feature);
        }
    }
    read_offloads(fd, facts);
    close(fd);
    if (result != 0) {
        return xdp_error_set(error, result, "Can't switch receive offloads of %s off: %s.",
                             facts->name, strerror(-result));
    }
    return 0;
}

static bool same_address(const struct sockaddr *kernels, const struct ip_addr *address)
{
    if (kernels == NULL) {
        return false;
    }
    if (kernels->sa_family == AF_INET && ip_addr_is_v4(address)) {
        return memcmp(&((const struct sockaddr_in *)(const void *)kernels)->sin_addr,
                      address->bytes + 12, 4) == 0;
    }
    return kernels->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)(const void *)kernels)->sin6_addr, address->bytes,
                  16) == 0;
}

static int explain_address(const struct ip_addr *address, const char *interface,
                           struct xdp_error *error)
{
    bool is_v4 = ip_addr_is_v4(address);
    char text[INET6_ADDRSTRLEN];

    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? address->bytes + 12 : address->bytes, text,
              sizeof text);
    return xdp_error_set(error, -EADDRINUSE,
                         "The address %s is the kernel's already, on %s: choose a free one of the "
                         "same network, or remove it with 'ip address del'.",
                         text, interface);
}

int nic_check_address(const struct ip_addr *address, struct xdp_error *error)
{
    struct ifaddrs *all;
    int result = 0;

    if (getifaddrs(&all) != 0) {
        return xdp_error_set(error, -errno, "Can't list the kernel's addresses: %s.",
                             strerror(errno));
    }
    for (const struct ifaddrs *at = all; at != NULL && result == 0; at = at->ifa_next) {
        if (same_address(at->ifa_addr, address)) {
            result = explain_address(address, at->ifa_name, error);
        }
    }
    freeifaddrs(all);
    return result;
}
