/* The own addresses and the gateways that a stack is given: read, and refused with a
 * sentence when no host or network could have them. */
#include "api/failure.h"
#include "api/options.h"

#include <string.h>

/* RFC 1122 section 3.2.1.3: the first address of a network is nobody's. With 31 bits
 * there is none (RFC 3021). */
static bool is_network(const struct ip_prefix *prefix)
{
    uint32_t host_bits = (uint32_t)(0xffffffffull >> prefix->length);

    return prefix->length <= 30 && (ip_addr_v4_get(&prefix->addr) & host_bits) == 0;
}

static int take_address(struct hr_stack *stack, const char *text, struct hr_failure *failure)
{
    struct ip_prefix *prefix = &stack->addresses[stack->address_count];

    /* Without its length it would reach nobody. */
    if (ip_prefix_parse(text, prefix) != 0 || !strchr(text, '/') ||
        !ip_addr_is_unicast(&prefix->addr)) {
        return failure_set(failure, HR_ERR_ADDRESS,
                           "'%.60s' is no address of a host: give ADDRESS/LENGTH, as in "
                           "192.0.2.1/24.",
                           text);
    }
    if (!ip_addr_is_v4(&prefix->addr)) {
        return failure_set(failure, HR_ERR_UNSUPPORTED,
                           "'%.60s' is an IPv6 address, and neighbour discovery is not built yet: "
                           "give an IPv4 address.",
                           text);
    }
    if (is_network(prefix) || ip_prefix_is_broadcast(prefix, &prefix->addr)) {
        return failure_set(failure, HR_ERR_ADDRESS,
                           "'%.60s' is the %s address of its network: give one of a host.", text,
                           is_network(prefix) ? "first" : "broadcast");
    }
    for (unsigned i = 0; i < stack->address_count; i++) {
        if (ip_addr_equal(&stack->addresses[i].addr, &prefix->addr)) {
            return failure_set(failure, HR_ERR_ADDRESS, "'%.60s' is given twice: give it once.",
                               text);
        }
    }
    stack->address_count++;
    return HR_OK;
}

/* A neighbour in one of the own networks, and neither ourselves nor everybody. */
static bool is_neighbour(const struct hr_stack *stack, const struct ip_addr *gateway)
{
    bool is_on_link = false;

    for (unsigned i = 0; i < stack->address_count; i++) {
        const struct ip_prefix *own = &stack->addresses[i];

        if (ip_addr_equal(&own->addr, gateway) || ip_prefix_is_broadcast(own, gateway)) {
            return false;
        }
        is_on_link = is_on_link || ip_prefix_contains(own, gateway);
    }
    return is_on_link;
}

static int take_gateway(struct hr_stack *stack, const char *text, struct hr_failure *failure)
{
    struct ip_addr *gateway = &stack->gateways[stack->gateway_count];

    if (ip_addr_parse(text, gateway) != 0) {
        return failure_set(failure, HR_ERR_ADDRESS,
                           "'%.60s' is no address of a gateway: give one as in 192.0.2.254.", text);
    }
    if (!is_neighbour(stack, gateway)) {
        return failure_set(failure, HR_ERR_NO_ROUTE,
                           "'%.60s' can't be the gateway: give the address of another host in the "
                           "network of an own address.",
                           text);
    }
    for (unsigned i = 0; i < stack->gateway_count; i++) {
        if (ip_addr_is_v4(&stack->gateways[i]) == ip_addr_is_v4(gateway)) {
            return failure_set(failure, HR_ERR_ADDRESS,
                               "'%.60s' is a second gateway of its family: give one.", text);
        }
    }
    stack->gateway_count++;
    return HR_OK;
}

int options_take_network(struct hr_stack *stack, const struct hr_stack_options *options,
                         struct hr_failure *failure)
{
    int error = HR_OK;

    if (options->address_count == 0 || options->address_count > NET_ADDRESSES_MAX) {
        return failure_set(failure, HR_ERR_ARGUMENT, "%u addresses were given: give 1 to %u.",
                           options->address_count, NET_ADDRESSES_MAX);
    }
    for (unsigned i = 0; i < options->address_count && error == HR_OK; i++) {
        error = take_address(stack, options->addresses[i], failure);
    }
    for (unsigned i = 0; i < options->gateway_count && error == HR_OK; i++) {
        error = take_gateway(stack, options->gateways[i], failure);
    }
    return error;
}
