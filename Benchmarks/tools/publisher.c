/* Publishes numbered events by NOTIFY, then prints when it began and ended.
 *
 *     publisher --count 20000 [--rate 100] [--per-transaction 100] [--bytes 200] [--channel bench] [--channels 1]
 *               [--first 0] DATABASE_URL
 *
 * Without a rate it goes as fast as PostgreSQL takes them. With one, each transaction has its point in time, whatever
 * became of the one before. With several channels they are used in turns, each with numbers of its own. It ends early,
 * in order, when its standard input does.
 */
#include "bench.h"

#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>

static struct {
    uint64_t count, rate, per_transaction, bytes, channels, first;
    const char *channel, *database;
} options = {.per_transaction = 1, .bytes = 200, .channels = 1, .channel = "bench"};

static void read_options(int count, char **arguments)
{
    static const struct option known[] = {
        {"count", required_argument, NULL, 'n'},    {"rate", required_argument, NULL, 'r'},
        {"bytes", required_argument, NULL, 'b'},    {"per-transaction", required_argument, NULL, 't'},
        {"channel", required_argument, NULL, 'c'},  {"channels", required_argument, NULL, 'k'},
        {"first", required_argument, NULL, 'f'},    {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'n': options.count = number("count", optarg); break;
        case 'r': options.rate = number("rate", optarg); break;
        case 'b': options.bytes = number("bytes", optarg); break;
        case 't': options.per_transaction = number("per-transaction", optarg); break;
        case 'c': options.channel = optarg; break;
        case 'k': options.channels = number("channels", optarg); break;
        case 'f': options.first = number("first", optarg); break;
        default: fail("see the top of publisher.c");
        }
    }
    if (optind != count - 1) fail("see the top of publisher.c");
    options.database = arguments[optind];
    if (options.bytes < SMALLEST_PAYLOAD || options.bytes > LARGEST_PAYLOAD)
        fail("--bytes: from %d to %d", SMALLEST_PAYLOAD, LARGEST_PAYLOAD);
    if (options.per_transaction == 0 || options.channels == 0) fail("--per-transaction, --channels: at least 1");
}

static char *write_channel(char *place, uint64_t event)
{
    if (options.channels == 1) return stpcpy(place, options.channel);
    return place + sprintf(place, "%s-%" PRIu64, options.channel, event % options.channels);
}

static char *write_payload(char *place, uint64_t event)
{
    write_digits(place, NUMBER_DIGITS, options.first + event / options.channels);
    write_digits(place + NUMBER_DIGITS, STAMP_DIGITS, now_microseconds());
    for (uint64_t i = SMALLEST_PAYLOAD; i < options.bytes; i++) place[i] = (char)('a' + i % 26);
    return place + options.bytes;
}

static bool has_been_told_to_end(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[64];
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

static void wait_for_turn(uint64_t began, uint64_t transaction)
{
    if (options.rate == 0) return;
    uint64_t turn = began + transaction * options.per_transaction * 1000000000u / options.rate;
    struct timespec time = {.tv_sec = (time_t)(turn / 1000000000u), .tv_nsec = (long)(turn % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

static PGresult *checked(PGconn *connection, PGresult *result)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail("%s", PQerrorMessage(connection));
    return result;
}

int main(int count, char **arguments)
{
    read_options(count, arguments);
    PGconn *connection = PQconnectdb(options.database);
    if (PQstatus(connection) != CONNECTION_OK) fail("%s", PQerrorMessage(connection));
    /* A transaction is one statement with two arrays: PostgreSQL parses nothing but them. */
    PQclear(checked(connection, PQprepare(connection, "publish",
                                          "SELECT count(pg_notify(channel, payload)) "
                                          "FROM unnest($1::text[], $2::text[]) AS event(channel, payload)",
                                          0, NULL)));

    char *channels = malloc(options.per_transaction * (strlen(options.channel) + 24) + 3);
    char *payloads = malloc(options.per_transaction * (options.bytes + 1) + 3);
    uint64_t began_us = now_microseconds(), began = nanoseconds(CLOCK_MONOTONIC), event = 0;
    for (uint64_t transaction = 0; event < options.count && !has_been_told_to_end(); transaction++) {
        wait_for_turn(began, transaction);
        char *channel = channels, *payload = payloads;
        for (uint64_t i = 0; i < options.per_transaction && event < options.count; i++, event++) {
            *channel++ = *payload++ = i == 0 ? '{' : ',';
            channel = write_channel(channel, event);
            payload = write_payload(payload, event);
        }
        strcpy(channel, "}");
        strcpy(payload, "}");
        const char *values[] = {channels, payloads};
        PQclear(checked(connection, PQexecPrepared(connection, "publish", 2, values, NULL, NULL, 0)));
    }
    printf("{\"event\":\"published\",\"count\":%" PRIu64 ",\"began_us\":%" PRIu64 ",\"ended_us\":%" PRIu64
           ",\"own_cpu_ns\":%" PRIu64 "}\n",
           event, began_us, now_microseconds(), nanoseconds(CLOCK_PROCESS_CPUTIME_ID));
    PQfinish(connection);
}
