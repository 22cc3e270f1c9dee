#include <headrace/addr.h>

#include "api/convert.h"

#include <stdio.h>

int hr_addr_parse(const char *text, uint16_t port, struct hr_addr *addr)
{
    struct ip_addr inner;

    if (ip_addr_parse(text, &inner) != 0) {
        return HR_ERR_ADDRESS;
    }
    addr_outer(addr, &inner, port);
    return HR_OK;
}

const char *hr_addr_format(const struct hr_addr *addr, char text[HR_ADDR_TEXT_BYTES])
{
    struct ip_addr inner = addr_inner(addr);
    char host[IP_ADDR_TEXT_BYTES];

    (void)snprintf(text, HR_ADDR_TEXT_BYTES, ip_addr_is_v4(&inner) ? "%s:%u" : "[%s]:%u",
                   ip_addr_format(&inner, host), addr->port);
    return text;
}
