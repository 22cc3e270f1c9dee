#include "tests/packetdrill/untold.h"

#include "tests/packetdrill/sysctl.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* What concerns TCP, and fits. */
static bool is_candidate(const char *name)
{
    return strncmp(name, "tcp_", 4) == 0 && strlen(name) < UNTOLD_NAME_BYTES;
}

void untold_begin(struct untold *untold, const char *folder, bool (*is_read)(const char *name))
{
    DIR *files = opendir(folder);
    const struct dirent *entry;

    memset(untold, 0, sizeof *untold);
    while (files && untold->file_count < UNTOLD_FILES && (entry = readdir(files)) != NULL) {
        struct untold_file *file = &untold->files[untold->file_count];

        if (is_candidate(entry->d_name) && !is_read(entry->d_name) &&
            sysctl_text(folder, entry->d_name, file->value)) {
            memcpy(file->name, entry->d_name, strlen(entry->d_name) + 1);
            untold->file_count++;
        }
    }
    if (files) {
        (void)closedir(files);
    }
}

void untold_look(struct untold *untold, const char *folder)
{
    for (unsigned i = 0; i < untold->file_count; i++) {
        const struct untold_file *file = &untold->files[i];
        char now[UNTOLD_VALUE_BYTES];

        if (sysctl_text(folder, file->name, now) && strcmp(now, file->value) != 0) {
            untold_say(untold, file->name, now);
        }
    }
}

void untold_say(struct untold *untold, const char *name, const char *value)
{
    struct untold_file *place;

    if (!untold) {
        return;
    }
    for (unsigned i = 0; i < untold->said_count; i++) {
        if (strcmp(untold->said[i].name, name) == 0 && strcmp(untold->said[i].value, value) == 0) {
            return;
        }
    }
    (void)fprintf(stderr, "untold: %s %s\n", name, value);
    if (untold->said_count < UNTOLD_SAID) {
        place = &untold->said[untold->said_count++];
        (void)snprintf(place->name, sizeof place->name, "%s", name);
        (void)snprintf(place->value, sizeof place->value, "%s", value);
    }
}
