#include "tcp/policy.h"

#include "tcp/ack.h"
#include "tcp/ecn.h"
#include "tcp/islost.h"
#include "tcp/keepalive.h"
#include "tcp/pacing.h"
#include "tcp/rate.h"
#include "tcp/rexmit.h"
#include "tcp/user.h"

#include <assert.h>
#include <string.h>

static bool is_equal(const struct tcp_policy *a, const struct tcp_policy *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

void policies_init(struct tcp_policies *policies)
{
    memset(policies, 0, sizeof *policies);
    policies->at[0] = tcp_settings_default.policy;
}

bool policy_take(struct tcp_policies *policies, const struct tcp_policy *policy, uint8_t *place)
{
    unsigned unused = 0;

    *place = 0;
    if (is_equal(policy, &policies->at[0])) {
        return true;
    }
    for (unsigned i = 1; i < TCP_POLICIES_MAX; i++) {
        if (policies->users[i] == 0) {
            unused = unused == 0 ? i : unused;
        } else if (is_equal(policy, &policies->at[i])) {
            policies->users[i]++;
            *place = (uint8_t)i;
            return true;
        }
    }
    if (unused == 0) {
        return false;
    }
    policies->at[unused] = *policy;
    policies->users[unused] = 1;
    *place = (uint8_t)unused;
    return true;
}

void policy_give(struct tcp_policies *policies, uint8_t place)
{
    if (place != 0) {
        assert(policies->users[place] > 0);
        policies->users[place]--;
    }
}

/* What waits for an answer waits no longer than the policy has it from now on, and for a probe
 * only where that has them. */
static void follow_timer(struct tcp_conn *conn)
{
    if (conn->flight->sendq.head != conn->flight->sendq.next) {
        tcp_rexmit_arm(conn);
    }
}

int tcp_set_policy(struct tcp_conn *conn, const struct tcp_policy *policy)
{
    struct tcp_policies *policies = &conn->tcp->policies;
    bool alone = conn->policy != 0 && policies->users[conn->policy] == 1;
    uint8_t place;

    if (conn->state == TCP_CLOSED) {
        return TCP_ERR_STATE; /* it ends with this turn: nothing may want output any more */
    }
    if (alone) {
        policy_give(policies, conn->policy); /* then there is a place for another */
    }
    if (!policy_take(policies, policy, &place)) {
        assert(!alone);
        return TCP_ERR_NO_MEMORY;
    }
    if (!alone) {
        policy_give(policies, conn->policy);
    }
    conn->policy = place;
    conn->rtt.rto_ns = min_u64(conn->rtt.rto_ns, policy->rto.max_ns);
    if (conn->flight) {
        tcp_islost_begin(conn); /* from now on it may be asked */
        follow_timer(conn);
    }
    if (policy->ack_delay_ms == 0) {
        tcp_ack_quickly(conn); /* which then stay so many */
    }
    keepalive_begin(conn);
    pacing_follow(conn);
    rate_follow(conn);
    ecn_follow(conn);
    return TCP_OK;
}
