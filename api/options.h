/*
 * The options of a stack, checked and taken over one part at a time, each complaint a
 * sentence that names the field, the value and what would be right.
 */
#ifndef HEADRACE_API_OPTIONS_H
#define HEADRACE_API_OPTIONS_H

#include "api/stack.h"

int options_check_numbers(const struct hr_stack_options *options, struct hr_failure *failure);
/* Own addresses and gateways: HR_ERR_ADDRESS or HR_ERR_NO_ROUTE for one that is wrong
 * wherever it is tried. In addresses.c. */
int options_take_network(struct hr_stack *stack, const struct hr_stack_options *options,
                         struct hr_failure *failure);
/* One worker per queue: all of the interface's unless some are named. */
int options_take_queues(struct hr_stack *stack, const struct hr_stack_options *options,
                        struct xdp_queue_config queues[HR_WORKERS_MAX], struct hr_failure *failure);
/* How many frames each worker lends to its queue. */
int options_take_lent(struct hr_stack *stack, const struct hr_stack_options *options,
                      const struct nic_facts *nic, struct hr_failure *failure);
/* After the workers have been allocated. */
int options_take_cores(struct hr_stack *stack, const struct hr_stack_options *options,
                       struct hr_failure *failure);

#endif
