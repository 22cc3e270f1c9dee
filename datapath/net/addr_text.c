/* Addresses and their text. Written out here, not the C library's: this room
 * calls nothing, and RFC 5952 wants one form where inet_ntop has exceptions. */
#include "datapath/net/addr.h"

#define V6_GROUPS 8u

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* A decimal number of at most `max`, without needless zeros; returns what
 * follows it, or NULL. */
static const char *parse_decimal(const char *text, unsigned max, uint8_t *value)
{
    const char *start = text;
    unsigned sum = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        sum = sum * 10 + (unsigned)(*text - '0');
        if (sum > max) {
            return NULL;
        }
    }
    if (text == start || (*start == '0' && text - start > 1)) {
        return NULL;
    }
    *value = (uint8_t)sum;
    return text;
}

/* Four numbers and the end of the text: a leading zero would be octal to some. */
static int parse_v4(const char *text, uint8_t bytes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        text = parse_decimal(text, 255, &bytes[i]);
        if (!text || *text != (i < 3 ? '.' : '\0')) {
            return -1;
        }
        text++;
    }
    return 0;
}

/* One to four hexadecimal digits; returns what follows them, or NULL. */
static const char *parse_group(const char *text, uint8_t bytes[2])
{
    unsigned value = 0;
    unsigned digits = 0;

    for (; hex_value(*text) >= 0; text++, digits++) {
        value = value << 4 | (unsigned)hex_value(*text);
        if (digits == 4) {
            return NULL;
        }
    }
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
    return digits > 0 ? text : NULL;
}

/* Moves what stands behind "::" to the end and fills the gap with zeros. */
static int spread(uint8_t bytes[16], unsigned filled, int gap)
{
    unsigned tail;

    if (gap < 0) {
        return filled == 16 ? 0 : -1;
    }
    if (filled == 16) {
        return -1; /* "::" stands for at least one group */
    }
    tail = filled - (unsigned)gap;
    memmove(bytes + 16 - tail, bytes + gap, tail);
    memset(bytes + gap, 0, 16 - filled);
    return 0;
}

/* RFC 4291 section 2.2. */
static int parse_v6(const char *text, uint8_t bytes[16])
{
    unsigned filled = 0;
    int gap = -1; /* bytes before "::" */

    if (text[0] == ':' && text[1] != ':') {
        return -1;
    }
    while (*text != '\0') {
        const char *rest;

        if (text[0] == ':' && text[1] == ':') {
            if (gap >= 0 || text[2] == ':') {
                return -1;
            }
            gap = (int)filled;
            text += 2;
            continue;
        }
        if (*text == ':') {
            text++;
        }
        if (filled <= 12 && parse_v4(text, bytes + filled) == 0) {
            return spread(bytes, filled + 4, gap);
        }
        rest = filled <= 14 ? parse_group(text, bytes + filled) : NULL;
        if (!rest || (*rest != ':' && *rest != '\0')) {
            return -1;
        }
        filled += 2;
        text = rest;
    }
    return spread(bytes, filled, gap);
}

int ip_addr_parse(const char *text, struct ip_addr *addr)
{
    struct ip_addr parsed = {.bytes = {0}};
    uint8_t v4[4];

    if (parse_v4(text, v4) == 0) {
        parsed = ip_addr_v4_load(v4);
    } else if (parse_v6(text, parsed.bytes) != 0) {
        return -1;
    }
    *addr = parsed;
    return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
    char address[IP_ADDR_TEXT_BYTES];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    const char *rest;
    uint8_t max;

    if (length >= sizeof address) {
        return -1;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    if (ip_addr_parse(address, &prefix->addr) != 0) {
        return -1;
    }
    max = ip_addr_is_v4(&prefix->addr) ? 32 : 128;
    prefix->length = max;
    if (!slash) {
        return 0;
    }
    rest = parse_decimal(slash + 1, max, &prefix->length);
    return rest && *rest == '\0' ? 0 : -1;
}

static char *put_decimal(char *at, uint8_t value)
{
    if (value >= 100) {
        *at++ = (char)('0' + value / 100);
    }
    if (value >= 10) {
        *at++ = (char)('0' + value / 10 % 10);
    }
    *at++ = (char)('0' + value % 10);
    return at;
}

static char *put_hex(char *at, unsigned value)
{
    bool started = false;

    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15u;

        started = started || digit != 0 || shift == 0;
        if (started) {
            *at++ = "0123456789abcdef"[digit];
        }
    }
    return at;
}

static unsigned group_at(const struct ip_addr *addr, unsigned index)
{
    return (unsigned)addr->bytes[2 * index] << 8 | addr->bytes[2 * index + 1];
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952
 * section 4.2); returns its length, 0 when there is none. */
static unsigned longest_gap(const struct ip_addr *addr, unsigned *start)
{
    unsigned best = 1;
    unsigned run = 0;

    for (unsigned i = 0; i < V6_GROUPS; i++) {
        run = group_at(addr, i) == 0 ? run + 1 : 0;
        if (run > best) {
            best = run;
            *start = i + 1 - run;
        }
    }
    return best > 1 ? best : 0;
}

static void format_v6(const struct ip_addr *addr, char *at)
{
    unsigned gap = V6_GROUPS;
    unsigned gap_length = longest_gap(addr, &gap);

    for (unsigned i = 0; i < V6_GROUPS; i++) {
        if (i == gap) {
            *at++ = ':';
            i += gap_length - 1;
            if (i + 1 == V6_GROUPS) {
                *at++ = ':';
            }
            continue;
        }
        if (i > 0) {
            *at++ = ':';
        }
        at = put_hex(at, group_at(addr, i));
    }
    *at = '\0';
}

const char *ip_addr_format(const struct ip_addr *addr, char text[IP_ADDR_TEXT_BYTES])
{
    char *at = text;

    if (!ip_addr_is_v4(addr)) {
        format_v6(addr, text);
        return text;
    }
    for (unsigned i = 12; i < 16; i++) {
        at = put_decimal(at, addr->bytes[i]);
        *at++ = i < 15 ? '.' : '\0';
    }
    return text;
}
