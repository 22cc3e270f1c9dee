#include "datapath/wire/link.h"

#include "datapath/net/headers.h"
#include "datapath/util.h"

#define CORRUPT_BITS_MAX 15
#define SCRAMBLED_BYTES_MAX 64

/* Field by field: padding may hold anything. */
static bool is_impaired(const struct wire_impairment *i)
{
    return i->loss_ppm > 0 || i->duplicate_ppm > 0 || i->corrupt_ppm > 0 || i->reorder_ppm > 0 ||
           i->delay_ns > 0 || i->jitter_ns > 0 || i->rate_bytes_per_s > 0 ||
           i->completion_delay_ns > 0 || i->completions_stalled || i->down || i->receiver_starved ||
           i->scramble_ppm > 0 || i->mark_ppm > 0 || i->packet_bytes_max > 0 ||
           wire_middlebox_acts(&i->middlebox);
}

/* Waits for the rate; false when there is no room to wait. */
static bool pass_queue(struct wire_link *link, uint32_t length_bytes, uint64_t now_ns,
                       struct wire_fate *fate)
{
    const struct wire_impairment *impairment = &link->impairment;
    uint64_t rate = impairment->rate_bytes_per_s;
    uint64_t start_ns = max_u64(now_ns, link->idle_at_ns);
    uint64_t waiting_bytes;

    if (rate == 0) {
        return true;
    }
    waiting_bytes = (uint64_t)((unsigned __int128)(start_ns - now_ns) * rate / NS_PER_S);
    if (waiting_bytes > 0 && waiting_bytes + length_bytes > impairment->queue_bytes) {
        return false;
    }
    fate->marked = impairment->mark_bytes > 0 && waiting_bytes > impairment->mark_bytes;
    link->idle_at_ns = start_ns + length_bytes * NS_PER_S / rate;
    fate->left_ns = link->idle_at_ns;
    return true;
}

/* A packet that is held back does not hold back the next; all others arrive in
 * the order in which they left. */
static void set_arrival(struct wire_link *link, struct wire_fate *fate)
{
    const struct wire_impairment *impairment = &link->impairment;

    fate->due_ns = fate->left_ns + impairment->delay_ns;
    if (impairment->jitter_ns > 0) {
        fate->due_ns += random_below(&link->random, impairment->jitter_ns + 1);
    }
    fate->reordered = random_chance(&link->random, impairment->reorder_ppm);
    if (fate->reordered) {
        fate->due_ns = max_u64(fate->due_ns, link->last_due_ns) + 1 +
                       random_below(&link->random, impairment->reorder_ns);
    } else {
        fate->due_ns = max_u64(fate->due_ns, link->last_due_ns);
        link->last_due_ns = fate->due_ns;
    }
}

/* Losses come alone, or with those right behind. */
static bool is_lost(struct wire_link *link)
{
    const struct wire_impairment *impairment = &link->impairment;

    if (link->losing > 0) {
        link->losing--;
        return true;
    }
    if (!random_chance(&link->random, impairment->loss_ppm)) {
        return false;
    }
    if (impairment->loss_run > 0) {
        link->losing = (uint32_t)random_below(&link->random, impairment->loss_run + 1ull);
    }
    return true;
}

void wire_link_init(struct wire_link *link, uint64_t seed)
{
    *link = (struct wire_link){0};
    random_init(&link->random, seed);
}

void wire_link_impair(struct wire_link *link, const struct wire_impairment *impairment)
{
    link->impairment = *impairment;
    link->impaired = is_impaired(impairment);
}

struct wire_fate wire_link_decide(struct wire_link *link, uint32_t length_bytes, uint64_t now_ns)
{
    const struct wire_impairment *impairment = &link->impairment;
    struct wire_fate fate = {.event = WIRE_SENT, .left_ns = now_ns, .due_ns = now_ns};

    if (impairment->down) {
        fate.event = WIRE_DOWN;
    } else if (!pass_queue(link, length_bytes, now_ns, &fate)) {
        fate.event = WIRE_QUEUE_FULL;
    } else if (is_lost(link)) {
        fate.event = WIRE_LOST;
        fate.due_ns = fate.left_ns + impairment->delay_ns;
    } else {
        set_arrival(link, &fate);
        fate.marked |= random_chance(&link->random, impairment->mark_ppm);
        fate.duplicated = random_chance(&link->random, impairment->duplicate_ppm);
        if (fate.duplicated) {
            fate.copy_due_ns =
                fate.due_ns + random_below(&link->random, impairment->reorder_ns + 1);
        }
    }
    return fate;
}

uint64_t wire_link_complete_ns(struct wire_link *link, const struct wire_fate *fate)
{
    uint64_t late_ns = link->impairment.completion_delay_ns;

    return late_ns == 0 ? fate->left_ns : fate->due_ns + random_below(&link->random, late_ns + 1);
}

static void flip_bit(uint8_t *bytes, uint64_t bit)
{
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
}

bool wire_link_corrupt(struct wire_link *link, uint8_t *bytes, uint32_t length_bytes)
{
    uint64_t width;
    uint64_t first;

    if (!random_chance(&link->random, link->impairment.corrupt_ppm)) {
        return false;
    }
    width = min_u64(1 + random_below(&link->random, CORRUPT_BITS_MAX), length_bytes * 8ull);
    first = random_below(&link->random, length_bytes * 8ull - width + 1);
    flip_bit(bytes, first); /* one at least differs */
    for (uint64_t bit = 1; bit < width; bit++) {
        if (random_below(&link->random, 2) == 0) {
            flip_bit(bytes, first + bit);
        }
    }
    return true;
}

bool wire_link_scramble(struct wire_link *link, uint8_t *bytes, uint32_t length_bytes)
{
    struct random *random = &link->random;
    uint32_t room;
    uint32_t at;
    uint64_t count;

    if (!random_chance(random, link->impairment.scramble_ppm) ||
        length_bytes < ETHERNET_HEADER_BYTES + 4u) {
        return false;
    }
    bytes += ETHERNET_HEADER_BYTES;
    room = length_bytes - ETHERNET_HEADER_BYTES;
    if (random_below(random, 2) == 0) {
        uint8_t *one = bytes + 2 * random_below(random, room / 2);
        uint8_t *other = bytes + 2 * random_below(random, room / 2);

        for (unsigned i = 0; i < 2; i++) {
            uint8_t kept = one[i];

            one[i] = other[i];
            other[i] = kept;
        }
        return true;
    }
    at = (uint32_t)random_below(random, room);
    count = min_u64(1 + random_below(random, SCRAMBLED_BYTES_MAX), room - at);
    for (uint64_t i = 0; i < count; i++) {
        bytes[at + i] = (uint8_t)random_next(random);
    }
    return true;
}
