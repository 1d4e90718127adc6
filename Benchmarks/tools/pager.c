/* Reads pages of /history over kept-alive connections, one request after the other on each.
 *
 *     pager --port 7700 --pages 5000 [--connections 1] [--limit 100] [--channel bench] [--server PID] --cursors FILE
 *
 * Each page begins after the next cursor of the file, whose lines are "ID NUMBER", and has to be full: each cursor has
 * --limit events behind it. Prints one line when all pages have come.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS_AT_ONCE = 64, LARGEST_ANSWER = 16 << 20 };

struct connection {
    int socket;
    size_t length;
    char *answer;
};

static struct {
    uint64_t port, pages, connections, limit, server;
    const char *channel, *cursors;
} options = {.connections = 1, .limit = 100, .channel = "bench"};

static uint64_t *cursors;
static size_t cursor_count;
static uint64_t asked, answered, bytes;

static void read_options(int count, char **arguments)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},    {"pages", required_argument, NULL, 'n'},
        {"connections", required_argument, NULL, 'k'}, {"limit", required_argument, NULL, 'l'},
        {"channel", required_argument, NULL, 'c'}, {"server", required_argument, NULL, 's'},
        {"cursors", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'p': options.port = number("port", optarg); break;
        case 'n': options.pages = number("pages", optarg); break;
        case 'k': options.connections = number("connections", optarg); break;
        case 'l': options.limit = number("limit", optarg); break;
        case 'c': options.channel = optarg; break;
        case 's': options.server = number("server", optarg); break;
        case 'f': options.cursors = optarg; break;
        default: fail("see the top of pager.c");
        }
    }
    if (options.port == 0 || options.pages == 0 || options.connections == 0 || options.cursors == NULL)
        fail("--port, --pages and --cursors are needed");
}

static void read_cursors(void)
{
    uint64_t id, ignored;
    FILE *file = fopen(options.cursors, "r");
    if (file == NULL) fail_with_errno(options.cursors);
    while (fscanf(file, "%" SCNu64 " %" SCNu64, &id, &ignored) == 2) {
        cursors = realloc(cursors, (cursor_count + 1) * sizeof *cursors);
        cursors[cursor_count++] = id;
    }
    fclose(file);
    if (cursor_count == 0) fail("%s: no line with a cursor", options.cursors);
}

static void ask(struct connection *connection)
{
    char request[256];
    if (asked == options.pages) return;
    int length = snprintf(request, sizeof request,
                          "GET /history/%s?after=%" PRIu64 "&limit=%" PRIu64 " HTTP/1.1\r\nHost: localhost\r\n\r\n",
                          options.channel, cursors[asked++ % cursor_count], options.limit);
    connection->length = 0;
    if (send(connection->socket, request, (size_t)length, MSG_NOSIGNAL) != length) fail_with_errno("asking");
}

static uint64_t events_in(const char *text, size_t length)
{
    static const char event[] = "{\"type\":\"event\"";
    uint64_t count = 0;
    const char *end = text + length;
    while ((text = memmem(text, (size_t)(end - text), event, sizeof event - 1)) != NULL) {
        text += sizeof event - 1;
        count++;
    }
    return count;
}

static void receive(struct connection *connection)
{
    ssize_t received = recv(connection->socket, connection->answer + connection->length,
                            LARGEST_ANSWER - 1 - connection->length, 0);
    if (received <= 0) fail("the server cuts a connection");
    connection->length += (size_t)received;
    connection->answer[connection->length] = '\0';
    bytes += (uint64_t)received;

    const char *over = strstr(connection->answer, "\r\n\r\n");
    if (over == NULL) return;
    const char *length = strcasestr(connection->answer, "\r\ncontent-length: ");
    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > over)
        fail("no page: %.200s", connection->answer);
    size_t head = (size_t)(over + 4 - connection->answer), body = strtoul(length + 18, NULL, 10);
    if (connection->length < head + body) return;
    uint64_t events = events_in(over + 4, body);
    if (events != options.limit) fail("a page with %" PRIu64 " events instead of %" PRIu64, events, options.limit);
    answered++;
    ask(connection);
}

int main(int count, char **arguments)
{
    read_options(count, arguments);
    read_cursors();
    int epoll = epoll_create1(EPOLL_CLOEXEC), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct connection *connections = calloc(options.connections, sizeof *connections);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) fail_with_errno("standard input");
    for (size_t i = 0; i < options.connections; i++) {
        connections[i].answer = malloc(LARGEST_ANSWER);
        connections[i].socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(connections[i].socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(connections[i].socket, (struct sockaddr *)&address, sizeof address) != 0)
            fail_with_errno("connecting");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].socket, &event) != 0) fail_with_errno("epoll_ctl");
    }

    uint64_t began = now_microseconds(), cpu = cpu_of((pid_t)options.server);
    for (size_t i = 0; i < options.connections; i++) ask(&connections[i]);
    while (answered < options.pages) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL) fail("told to end before all pages have come");
            receive(events[i].data.ptr);
        }
    }
    printf("{\"event\":\"complete\",\"pages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"began_us\":%" PRIu64
           ",\"ended_us\":%" PRIu64 ",\"server_cpu_ns\":%" PRIu64 "}\n",
           answered, bytes, began, now_microseconds(), cpu_of((pid_t)options.server) - cpu);
}
