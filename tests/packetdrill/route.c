#include "tests/packetdrill/route.h"

#include "datapath/util.h"

#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 4096u

struct route_request {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr destination;
    uint8_t address[16];
};

static void ask(const struct ip_addr *remote, struct route_request *request)
{
    bool v4 = ip_addr_is_v4(remote);
    uint8_t bytes = v4 ? 4 : 16;

    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = NLMSG_LENGTH(sizeof request->route) + (uint32_t)RTA_LENGTH(bytes);
    request->header.nlmsg_type = RTM_GETROUTE;
    request->header.nlmsg_flags = NLM_F_REQUEST;
    request->route.rtm_family = v4 ? AF_INET : AF_INET6;
    request->route.rtm_dst_len = (uint8_t)(bytes * 8);
    request->route.rtm_flags = RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH; /* as it was set */
    request->destination.rta_type = RTA_DST;
    request->destination.rta_len = (uint16_t)RTA_LENGTH(bytes);
    memcpy(request->address, remote->bytes + sizeof remote->bytes - bytes, bytes);
}

/* The answer's length, 0 without one. */
static size_t answer_of(const struct ip_addr *remote, void *answer, size_t room)
{
    struct route_request request;
    ssize_t got = -1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0) {
        return 0;
    }
    ask(remote, &request);
    if (send(fd, &request, request.header.nlmsg_len, 0) == (ssize_t)request.header.nlmsg_len) {
        got = recv(fd, answer, room, 0);
    }
    (void)close(fd);
    return got > 0 ? (size_t)got : 0;
}

/* Linux's numbers to ours; those that are 0 were not set. False when there is no place for it. */
static bool take_metric(unsigned metric, uint32_t value, struct tcp_settings *settings)
{
    struct tcp_policy *policy = &settings->policy;

    switch (metric) {
    case RTAX_INITCWND:
        policy->initial_window = (uint8_t)value;
        return value >= 1 && value <= 100;
    case RTAX_QUICKACK:
        policy->ack_delay_ms = 0;
        return true;
    case RTAX_RTO_MIN:
        policy->rto.min_ns = value * (uint64_t)NS_PER_MS;
        return value >= 1 && policy->rto.min_ns <= policy->rto.max_ns;
    case RTAX_REORDERING:
        policy->dup_threshold = (uint8_t)value;
        return value >= 3 && value <= 127;
    case RTAX_HOPLIMIT:
        settings->ttl = (uint8_t)value;
        return value >= 1 && value <= UINT8_MAX;
    case RTAX_LOCK: /* of a metric that is there itself */
        return true;
    default:
        return false;
    }
}

static void take_metrics(const struct rtattr *metrics, struct tcp_settings *settings,
                         struct untold *untold)
{
    uint32_t left = (uint32_t)RTA_PAYLOAD(metrics);

    for (const struct rtattr *at = RTA_DATA(metrics); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        struct tcp_settings before = *settings;
        char text[UNTOLD_VALUE_BYTES];
        uint32_t value = 0;

        memcpy(&value, RTA_DATA(at), min_u32((uint32_t)RTA_PAYLOAD(at), sizeof value));
        if (value != 0 && !take_metric(at->rta_type, value, settings)) {
            *settings = before;
            (void)snprintf(text, sizeof text, "%u %u", at->rta_type, value);
            untold_say(untold, "metric of the route (RTAX_...)", text);
        }
    }
}

void route_read(const struct ip_addr *remote, struct tcp_settings *settings, struct untold *untold)
{
    union {
        struct nlmsghdr header;
        uint8_t bytes[ANSWER_BYTES];
    } answer;
    size_t bytes = answer_of(remote, &answer, sizeof answer);
    uint32_t left;

    if (!NLMSG_OK(&answer.header, bytes) || answer.header.nlmsg_type != RTM_NEWROUTE) {
        return;
    }
    left = (uint32_t)RTM_PAYLOAD(&answer.header);
    for (const struct rtattr *at = RTM_RTA(NLMSG_DATA(&answer.header)); RTA_OK(at, left);
         at = RTA_NEXT(at, left)) {
        if (at->rta_type == RTA_METRICS) {
            take_metrics(at, settings, untold);
        }
    }
}
