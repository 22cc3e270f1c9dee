/* Explicit congestion notification: routers mark instead of dropping. */
#ifndef HEADRACE_ECN_H
#define HEADRACE_ECN_H

enum hr_ecn {
    HR_ECN_OFF,
    HR_ECN_CLASSIC,  /* RFC 3168 */
    HR_ECN_ACCURATE, /* RFC 9768; with a peer that has it not, the one above */
};

#endif
