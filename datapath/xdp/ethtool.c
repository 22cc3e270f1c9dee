#include "datapath/xdp/ethtool.h"

#include "datapath/util.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Bits of a word in the feature commands. */
#define WORD_BITS 32

/* More features than any kernel has; 6.18 has 64. */
#define FEATURES_MAX 256
#define WORDS_MAX (FEATURES_MAX / WORD_BITS)

int ethtool_call(int fd, const char *interface, void *command)
{
    struct ifreq request;

    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
    request.ifr_data = command;
    return ioctl(fd, SIOCETHTOOL, &request) == 0 ? 0 : -errno;
}

/* How many features this kernel knows; 0 or a negative errno. */
static int count_features(int fd, const char *interface, uint32_t *count)
{
    union {
        struct ethtool_sset_info head;
        uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
    } query;
    int result;

    memset(&query, 0, sizeof query);
    query.head.cmd = ETHTOOL_GSSET_INFO;
    query.head.sset_mask = 1ull << ETH_SS_FEATURES;
    result = ethtool_call(fd, interface, &query);
    if (result != 0) {
        return result;
    }
    *count = query.head.data[0];
    return query.head.sset_mask != 0 && *count <= FEATURES_MAX ? 0 : -EOPNOTSUPP;
}

/* The bit of a feature; the kernel numbers them anew in each version. */
static int find_feature(int fd, const char *interface, const char *name, uint32_t *bit)
{
    struct ethtool_gstrings *names;
    uint32_t count;
    int result = count_features(fd, interface, &count);

    if (result != 0) {
        return result;
    }
    names = calloc(1, sizeof *names + (size_t)count * ETH_GSTRING_LEN);
    if (names == NULL) {
        return -ENOMEM;
    }
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_FEATURES;
    names->len = count;
    result = ethtool_call(fd, interface, names);
    if (result == 0) {
        const char *at = (const char *)names->data;

        for (*bit = 0; *bit < count && strncmp(at, name, ETH_GSTRING_LEN) != 0; ++*bit) {
            at += ETH_GSTRING_LEN;
        }
        result = *bit < count ? 0 : -ENOENT;
    }
    free(names);
    return result;
}

int ethtool_feature_read(int fd, const char *interface, const char *name,
                         struct ethtool_feature *feature)
{
    union {
        struct ethtool_gfeatures head;
        uint8_t room[sizeof(struct ethtool_gfeatures) +
                     WORDS_MAX * sizeof(struct ethtool_get_features_block)];
    } query;
    const struct ethtool_get_features_block *block;
    uint32_t bit;
    int result = find_feature(fd, interface, name, &bit);

    memset(&query, 0, sizeof query);
    query.head.cmd = ETHTOOL_GFEATURES;
    query.head.size = WORDS_MAX;
    if (result == 0) {
        result = ethtool_call(fd, interface, &query);
    }
    if (result != 0) {
        return result;
    }
    block = &query.head.features[bit / WORD_BITS];
    feature->is_on = (block->active >> bit % WORD_BITS & 1) != 0;
    feature->is_settable = (block->available & ~block->never_changed) >> bit % WORD_BITS & 1;
    return 0;
}

int ethtool_feature_off(int fd, const char *interface, const char *name)
{
    union {
        struct ethtool_sfeatures head;
        uint8_t room[sizeof(struct ethtool_sfeatures) +
                     WORDS_MAX * sizeof(struct ethtool_set_features_block)];
    } query;
    uint32_t count;
    uint32_t bit;
    int result = count_features(fd, interface, &count);

    if (result == 0) {
        result = find_feature(fd, interface, name, &bit);
    }
    if (result != 0) {
        return result;
    }
    memset(&query, 0, sizeof query);
    query.head.cmd = ETHTOOL_SFEATURES;
    /* The kernel wants as many words as it has itself. */
    query.head.size = (count + WORD_BITS - 1) / WORD_BITS;
    query.head.features[bit / WORD_BITS].valid = 1u << bit % WORD_BITS;
    return ethtool_call(fd, interface, &query);
}
