/* What PostgreSQL itself can deliver: one connection that listens and does nothing but count.
 *
 *     listener --until 600000 [--channel bench] DATABASE_URL
 *
 * Prints a line when it listens and one when it has got all events below --until, or its standard input has ended.
 */
#include "bench.h"

#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>

int main(int count, char **arguments)
{
    static const struct option known[] = {
        {"until", required_argument, NULL, 'u'}, {"channel", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const char *channel = "bench";
    uint64_t until = 0;
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'u': until = number("until", optarg); break;
        case 'c': channel = optarg; break;
        default: fail("see the top of listener.c");
        }
    }
    if (optind != count - 1) fail("see the top of listener.c");

    PGconn *connection = PQconnectdb(arguments[optind]);
    if (PQstatus(connection) != CONNECTION_OK) fail("%s", PQerrorMessage(connection));
    char command[256], *quoted = PQescapeIdentifier(connection, channel, strlen(channel));
    snprintf(command, sizeof command, "LISTEN %s", quoted);
    PGresult *result = PQexec(connection, command);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("%s: %s", command, PQerrorMessage(connection));
    PQclear(result);
    printf("{\"event\":\"listening\"}\n");
    fflush(stdout);

    uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID), first_stamp = 0, last_receipt = 0, next = 0, deliveries = 0;
    uint64_t lost = 0, repeated = 0;
    struct pollfd waits[] = {{.fd = PQsocket(connection), .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (next < until) {
        if (poll(waits, 2, -1) < 0) fail_with_errno("poll");
        if (waits[1].revents != 0) break;
        if (PQconsumeInput(connection) == 0) fail("%s", PQerrorMessage(connection));
        last_receipt = now_microseconds();
        for (PGnotify *event; (event = PQnotifies(connection)) != NULL; PQfreemem(event)) {
            uint64_t number = payload_number(event->extra);
            if (deliveries++ == 0) first_stamp = payload_stamp(event->extra);
            if (number < next) {
                repeated++;
            } else {
                lost += number - next;
                next = number + 1;
            }
        }
    }
    printf("{\"event\":\"complete\",\"deliveries\":%" PRIu64 ",\"complete\":%d,\"lost\":%" PRIu64
           ",\"repeated\":%" PRIu64 ",\"first_stamp_us\":%" PRIu64 ",\"last_receipt_us\":%" PRIu64
           ",\"server_cpu_ns\":%" PRIu64 "}\n",
           deliveries, next >= until, lost, repeated, first_stamp, last_receipt,
           nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    PQfinish(connection);
}
