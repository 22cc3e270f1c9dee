/*
 * A circular doubly linked list threaded through its members. The list owns
 * nothing. A link that is on no list points at itself, so removing is always
 * safe and "is it on a list" needs no flag.
 */
#ifndef HEADRACE_DATAPATH_LIST_H
#define HEADRACE_DATAPATH_LIST_H

#include <stdbool.h>

struct list_link {
    struct list_link *next;
    struct list_link *prev;
};

struct list {
    struct list_link head;
};

static inline void list_link_init(struct list_link *link)
{
    link->next = link;
    link->prev = link;
}

static inline void list_init(struct list *list)
{
    list_link_init(&list->head);
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_link_is_on(const struct list_link *link)
{
    return link->next != link;
}

static inline void list_link_remove(struct list_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_link_init(link);
}

static inline void list_push_back(struct list *list, struct list_link *link)
{
    link->prev = list->head.prev;
    link->next = &list->head;
    list->head.prev->next = link;
    list->head.prev = link;
}

static inline void list_push_front(struct list *list, struct list_link *link)
{
    link->prev = &list->head;
    link->next = list->head.next;
    list->head.next->prev = link;
    list->head.next = link;
}

/* The first link, removed; NULL when the list is empty. */
static inline struct list_link *list_pop_front(struct list *list)
{
    struct list_link *link = list->head.next;

    if (link == &list->head) {
        return 0;
    }
    list_link_remove(link);
    return link;
}

/* Moves all of `from` behind the last of `to`; `from` is empty after. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->head.next->prev = to->head.prev;
    to->head.prev->next = from->head.next;
    from->head.prev->next = &to->head;
    to->head.prev = from->head.prev;
    list_init(from);
}

#endif
