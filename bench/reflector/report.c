#include "bench/reflector/report.h"

#include "datapath/util.h"

#include <inttypes.h>

void report_ready(const struct end *end)
{
    if (end->options->is_driver) {
        char target[IP_ADDR_TEXT_BYTES];

        (void)printf("ready driving %s:%u from", ip_addr_format(&end->options->target, target),
                     end->options->target_port);
    } else {
        (void)printf("ready %s on", end->options->is_one_way ? "counting" : "reflecting");
    }
    for (unsigned i = 0; i < end->options->place.address_count; i++) {
        (void)printf(" %s", end->options->place.addresses[i]);
    }
    (void)printf(" port %u, %u worker%s:", end->options->port, end->worker_count,
                 end->worker_count == 1 ? "" : "s");
    for (unsigned i = 0; i < end->worker_count; i++) {
        (void)printf("%s queue %u %s on core %u", i > 0 ? "," : "", end->options->place.queues[i],
                     xdp_mode_name(end->interface->mode), end->workers[i].core);
    }
    if (end->interface->reason[0] != '\0') {
        (void)printf(" (%s)", end->interface->reason);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

/* How the port was used, which is what a server costs here. */
static void write_port(FILE *json, const struct end_worker *worker)
{
    const struct port_counters *counters = &worker->xdp->port.counters;

    (void)fprintf(json,
                  "\"rx_packets\": %" PRIu64 ", \"tx_packets\": %" PRIu64 ", \"kicks\": %" PRIu64
                  ", \"rx_starved\": %" PRIu64 ", \"sleeps\": %" PRIu64,
                  counters->rx_packets, counters->tx_packets, counters->kicks, counters->rx_starved,
                  worker->sleeps);
    for (unsigned i = 0; i < PORT_XDP_EVENT_COUNT; i++) {
        (void)fprintf(json, ", \"%s\": %" PRIu64, port_xdp_event_names[i], worker->xdp->events[i]);
    }
}

void report_server(const struct end *end, FILE *json)
{
    struct datagram_report sum = {0};
    uint64_t reflected = 0;

    for (unsigned i = 0; i < end->worker_count; i++) {
        reflected += end->workers[i].reflected;
        sum.packets += end->workers[i].counted.packets;
        sum.bytes += end->workers[i].counted.bytes;
        sum.wrong += end->workers[i].counted.wrong;
    }
    (void)printf("reflected %" PRIu64 ", counted %" PRIu64 " datagrams of %" PRIu64
                 " bytes, wrong %" PRIu64 "\n",
                 reflected, sum.packets, sum.bytes, sum.wrong);
    if (!json) {
        return;
    }
    (void)fprintf(json, "{\"mode\": \"%s\", \"workers\": [", xdp_mode_name(end->interface->mode));
    for (unsigned i = 0; i < end->worker_count; i++) {
        const struct end_worker *worker = &end->workers[i];

        (void)fprintf(json,
                      "%s\n {\"reflected\": %" PRIu64 ", \"counted\": %" PRIu64
                      ", \"counted_bytes\": %" PRIu64 ", \"wrong\": %" PRIu64 ", ",
                      i > 0 ? "," : "", worker->reflected, worker->counted.packets,
                      worker->counted.bytes, worker->counted.wrong);
        write_port(json, worker);
        (void)fprintf(json, "}");
    }
    (void)fprintf(json, "\n]}\n");
}

static void write_latency(FILE *json, const struct histogram *latency)
{
    static const struct {
        const char *name;
        double percent;
    } points[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}};

    (void)fprintf(json, "\"latency_ns\": {\"min\": %" PRIu64, latency->smallest);
    for (unsigned i = 0; i < COUNT_OF(points); i++) {
        (void)fprintf(json, ", \"%s\": %" PRIu64, points[i].name,
                      histogram_percentile(latency, points[i].percent));
    }
    (void)fprintf(json, ", \"max\": %" PRIu64 ", \"mean\": %.0f}", latency->largest,
                  histogram_mean(latency));
}

static void print_driver(const struct end *end, const struct drive_result *result)
{
    if (end->options->is_one_way) {
        (void)printf(
            "one way: %u bytes, %.1f s\n%.0f datagrams/s, %.3f Gbit/s of payload, sent "
            "%" PRIu64 " lost %" PRIu64 " wrong %" PRIu64 "\n",
            end->options->size, result->seconds, (double)result->counted.packets / result->seconds,
            (double)result->counted.bytes * 8e-9 / result->seconds, result->sent, result->lost,
            result->wrong);
        return;
    }
    (void)printf(
        "round trips: %u in flight, %u bytes, %.1f s\n%.0f round trips/s; latency us: p50 "
        "%.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\nlost %" PRIu64 " late %" PRIu64
        " wrong %" PRIu64 "\n",
        end->options->in_flight, end->options->size, result->seconds,
        (double)result->round_trips / result->seconds,
        (double)histogram_percentile(&result->latency, 50) / 1e3,
        (double)histogram_percentile(&result->latency, 90) / 1e3,
        (double)histogram_percentile(&result->latency, 99) / 1e3,
        (double)histogram_percentile(&result->latency, 99.9) / 1e3,
        (double)result->latency.largest / 1e3, result->lost, result->late, result->wrong);
}

void report_driver(const struct end *end, const struct drive_result *result, FILE *json)
{
    const struct reflector_options *options = end->options;

    print_driver(end, result);
    if (!json) {
        return;
    }
    (void)fprintf(
        json,
        "{\"stack\": \"reflector\", \"workload\": \"%s\", \"mode\": \"%s\", \"size\": %u, "
        "\"batch\": %u, \"seconds\": %.6f, \"cpu_s\": %.6f, \"lost\": %" PRIu64
        ", \"errors\": %" PRIu64 ",\n ",
        options->is_one_way ? "one-way" : "round-trips", xdp_mode_name(end->interface->mode),
        options->size, options->batch, result->seconds, result->cpu_s, result->lost, result->wrong);
    if (options->is_one_way) {
        (void)fprintf(json,
                      "\"sent\": %" PRIu64 ", \"received\": %" PRIu64
                      ", \"received_per_s\": %.1f, \"bytes_in\": %" PRIu64
                      ", \"bytes_out\": %" PRIu64 ", \"bytes_per_s\": %.1f",
                      result->sent, result->counted.packets,
                      (double)result->counted.packets / result->seconds, result->counted.bytes,
                      result->counted.bytes, (double)result->counted.bytes / result->seconds);
    } else {
        (void)fprintf(
            json,
            "\"in_flight\": %u, \"requests\": %" PRIu64
            ", \"requests_per_s\": %.1f, \"late\": %" PRIu64 ", \"bytes_verified\": %" PRIu64 ", ",
            options->in_flight, result->round_trips, (double)result->round_trips / result->seconds,
            result->late, result->bytes_verified);
        write_latency(json, &result->latency);
    }
    (void)fprintf(json, ",\n \"port\": {");
    write_port(json, &end->workers[0]);
    (void)fprintf(json, "}}\n");
}
