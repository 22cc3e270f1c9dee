#include "tests/packetdrill/sysctl.h"

#include "datapath/util.h"
#include "tcp/cc.h"
#include "tcp/ecn.h"
#include "tcp/limits.h"
#include "tcp/listener.h"
#include "tcp/mtu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES UNTOLD_VALUE_BYTES

/* Bits of tcp_recovery. */
#define RECOVERY_RACK 0x1u
#define RECOVERY_STATIC 0x2u
#define RECOVERY_NO_COUNT 0x4u

/* What is read below, and what says the same by whatever value. */
static const char *const names[] = {
    "tcp_congestion_control",
    "tcp_dsack",
    "tcp_early_retrans",
    "tcp_ecn",
    "tcp_ecn_option",
    "tcp_fack", /* means nothing to Linux either */
    "tcp_fastopen",
    "tcp_fastopen_key",
    "tcp_fin_timeout",
    "tcp_frto",
    "tcp_keepalive_intvl",
    "tcp_keepalive_probes",
    "tcp_keepalive_time",
    "tcp_mtu_probing",
    "tcp_notsent_lowat",
    "tcp_recovery",
    "tcp_reordering",
    "tcp_retries1",
    "tcp_retries2",
    "tcp_rmem",
    "tcp_rto_max_ms",
    "tcp_rto_min_us",
    "tcp_sack",
    "tcp_slow_start_after_idle",
    "tcp_syn_retries",
    "tcp_synack_retries",
    "tcp_syncookies",
    "tcp_timestamps",
    "tcp_window_scaling",
    "tcp_wmem",
};

bool sysctl_is_read(const char *name)
{
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool sysctl_text(const char *folder, const char *name, char text[TEXT_BYTES])
{
    char path[256];
    FILE *file;
    bool got;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    if (!file) {
        return false;
    }
    got = fgets(text, TEXT_BYTES, file) != NULL;
    (void)fclose(file);
    text[got ? strcspn(text, "\n") : 0] = '\0';
    return got;
}

/* The number in a place of the line; `otherwise` without the file. */
static uint32_t number_at(const char *folder, const char *name, unsigned place, uint32_t otherwise)
{
    char text[TEXT_BYTES];
    char *at = text;

    if (!sysctl_text(folder, name, text)) {
        return otherwise;
    }
    for (unsigned i = 0; i < place; i++) {
        (void)strtoul(at, &at, 0);
    }
    return (uint32_t)strtoul(at, NULL, 0);
}

static uint32_t number(const char *folder, const char *name, uint32_t otherwise)
{
    return number_at(folder, name, 0, otherwise);
}

unsigned sysctl_parse_keys(const char *text, struct fast_open_key keys[2])
{
    unsigned count = 0;

    while (count < 2) {
        unsigned part[4];

        if (sscanf(text, "%x-%x-%x-%x", &part[0], &part[1], &part[2], &part[3]) != 4) {
            break;
        }
        keys[count].words[0] = (uint64_t)part[1] << 32 | part[0];
        keys[count].words[1] = (uint64_t)part[3] << 32 | part[2];
        count++;
        text = strchr(text, ',');
        if (!text) {
            break;
        }
        text++;
    }
    return count;
}

/* A value that has no place: said, and what was stays. */
static void refuse(struct untold *untold, const char *name, uint32_t value)
{
    char text[TEXT_BYTES];

    (void)snprintf(text, sizeof text, "%u", value);
    untold_say(untold, name, text);
}

/* tcp_ecn: what is agreed to, and what is asked for. tcp_ecn_option: whether it is sent; how often
 * has no setting here, and 3, also where it may not pass, no place. */
static void read_ecn(const char *folder, struct sysctl_values *values, struct untold *untold)
{
    static const uint8_t modes[][2] = {
        {TCP_ECN_OFF, TCP_ECN_OFF},          {TCP_ECN_CLASSIC, TCP_ECN_CLASSIC},
        {TCP_ECN_CLASSIC, TCP_ECN_OFF},      {TCP_ECN_ACCURATE, TCP_ECN_ACCURATE},
        {TCP_ECN_ACCURATE, TCP_ECN_CLASSIC}, {TCP_ECN_ACCURATE, TCP_ECN_OFF},
    };
    uint32_t mode = number(folder, "tcp_ecn", 2);
    uint32_t option = number(folder, "tcp_ecn_option", 2);

    mode = mode < COUNT_OF(modes) ? mode : 2; /* Linux has no others */
    values->settings.ecn = modes[mode][0];
    values->ecn_out = modes[mode][1];
    values->settings.policy.ecn_option = option != 0;
    if (option > 2) {
        refuse(untold, "tcp_ecn_option", option);
    }
}

/* tcp_recovery, tcp_early_retrans, tcp_reordering and others: how losses are found and repaired. */
static void read_recovery(const char *folder, struct tcp_policy *policy, struct untold *untold)
{
    uint32_t recovery = number(folder, "tcp_recovery", RECOVERY_RACK);
    uint32_t early = number(folder, "tcp_early_retrans", 3);
    uint32_t reordering = number(folder, "tcp_reordering", policy->dup_threshold);

    policy->rack = (recovery & RECOVERY_RACK) != 0;
    policy->reordering_adapts = !(recovery & RECOVERY_STATIC);
    policy->reordering_by_count = !(recovery & RECOVERY_NO_COUNT);
    policy->tail_probes = early == 3 || early == 4;
    policy->frto = number(folder, "tcp_frto", 2) != 0;
    policy->idle_restart = number(folder, "tcp_slow_start_after_idle", 1) != 0;
    if (reordering >= 3 && reordering <= 127) {
        policy->dup_threshold = (uint8_t)reordering;
    } else {
        refuse(untold, "tcp_reordering", reordering);
    }
}

static void read_policy(const char *folder, struct tcp_policy *policy)
{
    policy->keepalive_idle_s =
        (uint16_t)number(folder, "tcp_keepalive_time", policy->keepalive_idle_s);
    policy->keepalive_gap_s =
        (uint16_t)number(folder, "tcp_keepalive_intvl", policy->keepalive_gap_s);
    policy->keepalive_count =
        (uint8_t)number(folder, "tcp_keepalive_probes", policy->keepalive_count);
    policy->fin_wait_2_s = (uint16_t)number(folder, "tcp_fin_timeout", policy->fin_wait_2_s);
    policy->mtu_probing =
        min_u32(number(folder, "tcp_mtu_probing", policy->mtu_probing), TCP_MTU_PROBING_ALWAYS) &
        3u;
    policy->dsack = number(folder, "tcp_dsack", policy->dsack) != 0;
    policy->rto.min_ns = number(folder, "tcp_rto_min_us", 200000) * (uint64_t)NS_PER_US;
    policy->rto.max_ns = number(folder, "tcp_rto_max_ms", 120000) * (uint64_t)NS_PER_MS;
    policy->rto.initial_ns = min_u64(policy->rto.initial_ns, policy->rto.max_ns);
    policy->r1 = (uint8_t)number(folder, "tcp_retries1", policy->r1);
    policy->r2 = (uint8_t)number(folder, "tcp_retries2", policy->r2);
    policy->r2_syn = (uint8_t)number(folder, "tcp_syn_retries", policy->r2_syn);
    policy->r2_syn_ack = (uint8_t)number(folder, "tcp_synack_retries", policy->r2_syn_ack);
}

static void read_cc(const char *folder, struct tcp_settings *settings, struct untold *untold)
{
    char name[TEXT_BYTES];

    if (sysctl_text(folder, "tcp_congestion_control", name)) {
        const struct tcp_cc_ops *cc = tcp_cc_find(name);

        settings->cc = cc ? cc : settings->cc;
        if (!cc) {
            untold_say(untold, "tcp_congestion_control", name);
        }
    }
}

static void read_settings(const char *folder, struct tcp_settings *settings, struct untold *untold)
{
    struct tcp_policy *policy = &settings->policy;

    settings->receive_buffer = number_at(folder, "tcp_rmem", 1, settings->receive_buffer);
    settings->send_buffer = number_at(folder, "tcp_wmem", 1, settings->send_buffer);
    policy->receive_buffer_max = number_at(folder, "tcp_rmem", 2, policy->receive_buffer_max);
    policy->send_buffer_max = number_at(folder, "tcp_wmem", 2, policy->send_buffer_max);
    settings->timestamps = number(folder, "tcp_timestamps", 1) != 0;
    settings->sack = number(folder, "tcp_sack", 1) != 0;
    settings->window_scale = number(folder, "tcp_window_scaling", 1) != 0;
    read_policy(folder, &settings->policy);
    read_recovery(folder, &settings->policy, untold);
    read_cc(folder, settings, untold);
}

static void read_fast_open(const char *folder, struct sysctl_values *values)
{
    char text[TEXT_BYTES];

    values->fast_open = number(folder, "tcp_fastopen", SYSCTL_FAST_OPEN_CLIENT);
    if (sysctl_text(folder, "tcp_fastopen_key", text)) {
        values->key_count = sysctl_parse_keys(text, values->keys);
    }
}

void sysctl_read(const char *folder, struct sysctl_values *values, struct untold *untold)
{
    memset(values, 0, sizeof *values);
    values->settings = tcp_settings_default;
    values->settings.policy.rates = true; /* TCP_INFO has them, and what holds sending up */
    values->fast_open = SYSCTL_FAST_OPEN_CLIENT | SYSCTL_FAST_OPEN_SERVER;
    values->notsent_lowat = UINT32_MAX;
    values->cookies = TCP_COOKIES_WHEN_FULL;
    if (!folder) {
        return;
    }
    read_settings(folder, &values->settings, untold);
    read_ecn(folder, values, untold);
    read_fast_open(folder, values);
    values->notsent_lowat = number(folder, "tcp_notsent_lowat", UINT32_MAX);
    values->cookies = (uint8_t)min_u32(number(folder, "tcp_syncookies", 1), TCP_COOKIES_ALWAYS);
}
