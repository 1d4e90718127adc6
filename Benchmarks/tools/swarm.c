/* Many WebSocket subscribers in one thread: counts what they get, checks that it is whole and in order, and accounts
 * for what it cost the server. It answers line by line, so that whoever drives it knows where it is:
 *
 *     in      connect    opens all connections                     out     connected
 *             mark       ends a phase and begins the next                  phase
 *             until N    the same clients are to get more
 *             (its end)  closes everything                                 complete: all clients have reached --until
 *
 * Each line out is a JSON object with the figures since the one before. Of all that it receives it touches no more than
 * the head of a frame and the number in the payload, for it has to be several times cheaper than the server.
 */
#include "accept_key.h"
#include "bench.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    EVENTS_AT_ONCE = 1024,
    /* Fits into the processor's second cache together with what the kernel copies from. */
    BUFFER_BYTES = 256 << 10,
    /* The beginning of a frame that did not come whole, the longest is that of 7,999 bytes in an envelope. */
    CARRY_BYTES = 16 << 10,
    /* Below the number of connections of one address that a server lets wait to be accepted, or that are no WebSockets
     * yet. */
    IN_FLIGHT = 200,
};

struct client {
    int socket;
    enum { CONNECTING, OPEN, CLOSED } state;
    bool is_complete;
    uint16_t payload_at; /* in an envelope; 0 until the first has come */
    uint32_t carried;
    char *carry;
    uint64_t next; /* the number of the event that has to come */
    uint64_t last_id;
};

/* The figures of a phase. */
static struct {
    uint64_t began, first_stamp, last_receipt, deliveries, bytes, receives;
    uint64_t lost, repeated, unordered, malformed, gaps, closed;
    uint64_t own_cpu, server_cpu;
    struct histogram latency;
} phase;

static struct {
    uint16_t port;
    size_t clients, channels;
    const char *channel, *cursor;
    uint64_t until;
    bool measures_latency;
    pid_t server;
} options = {.clients = 1, .channels = 1, .channel = "bench", .until = UINT64_MAX};

static int epoll;
static struct client *clients;
static size_t asked, opened, open_now, completed;
static bool is_connecting, has_told; /* that it is complete */
/* For each client the id that it saw last, and the number of the event that has to follow; used in turns. */
static struct cursor {
    uint64_t id, next;
} *cursors;
static size_t cursor_count;
static char key[] = "bmluZXRlZW4gYnl0ZXMgLi4=", expected_accept[ACCEPT_LENGTH + 1];
static char buffer[CARRY_BYTES + BUFFER_BYTES];

/* --- phases ----------------------------------------------------------------------------------------------------- */

static void begin_phase(void)
{
    memset(&phase, 0, sizeof phase);
    phase.began = now_microseconds();
    phase.own_cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    phase.server_cpu = cpu_of(options.server);
}

static void end_phase(const char *what)
{
    uint64_t own_cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - phase.own_cpu, now = now_microseconds();
    struct account server = account_of(options.server);
    printf("{\"event\":\"%s\",\"began_us\":%" PRIu64 ",\"ended_us\":%" PRIu64 ",\"first_stamp_us\":%" PRIu64
           ",\"last_receipt_us\":%" PRIu64,
           what, phase.began, now, phase.first_stamp, phase.last_receipt);
    printf(",\"open\":%zu,\"complete\":%zu,\"deliveries\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"receives\":%" PRIu64,
           open_now, completed, phase.deliveries, phase.bytes, phase.receives);
    printf(",\"lost\":%" PRIu64 ",\"repeated\":%" PRIu64 ",\"unordered\":%" PRIu64 ",\"malformed\":%" PRIu64
           ",\"gaps\":%" PRIu64 ",\"closed\":%" PRIu64,
           phase.lost, phase.repeated, phase.unordered, phase.malformed, phase.gaps, phase.closed);
    printf(",\"own_cpu_ns\":%" PRIu64 ",\"server_cpu_ns\":%" PRIu64 ",\"server_rss_kib\":%" PRIu64
           ",\"server_peak_rss_kib\":%" PRIu64 ",\"latency_us\":",
           own_cpu, server.cpu_ns - phase.server_cpu, server.rss_kib, server.peak_rss_kib);
    histogram_print(&phase.latency, stdout);
    printf("}\n");
    fflush(stdout);
    begin_phase();
}

/* --- what comes ------------------------------------------------------------------------------------------------- */

static void close_client(struct client *client)
{
    close(client->socket);
    client->state = CLOSED;
    client->carried = 0;
    open_now--;
    phase.closed++;
}

static void take_event(struct client *client, const char *payload, size_t length, uint64_t now)
{
    uint64_t number = length < SMALLEST_PAYLOAD ? UINT64_MAX : payload_number(payload);
    if (number == UINT64_MAX) {
        phase.malformed++;
        return;
    }
    if (phase.deliveries++ == 0) phase.first_stamp = payload_stamp(payload);
    if (options.measures_latency) {
        uint64_t stamp = payload_stamp(payload);
        histogram_add(&phase.latency, now > stamp ? now - stamp : 0);
    }
    if (number < client->next) {
        phase.repeated++;
        return;
    }
    phase.lost += number - client->next;
    client->next = number + 1;
    if (client->next >= options.until && !client->is_complete) {
        client->is_complete = true;
        completed++;
    }
}

/* {"type":"event","id":1795386428746337,"channel":"…","time":"…","payload":"…"}: but for the name of the channel, all
 * before the payload has a fixed length. */
static void take_envelope(struct client *client, const char *message, size_t length, uint64_t now)
{
    static const char event[] = "{\"type\":\"event\",\"id\":", payload[] = "\"payload\":\"";
    enum { ID_AT = sizeof event - 1, ID_DIGITS = 16 };
    if (length < ID_AT + ID_DIGITS + sizeof payload || memcmp(message, event, ID_AT) != 0) {
        if (memcmp(message, "{\"type\":\"gap\"", 13) == 0) {
            if (phase.gaps++ == 0) fprintf(stderr, "swarm: %.*s\n", (int)length, message);
        } else if (memcmp(message, "{\"type\":\"live\"", 14) != 0) {
            phase.malformed++;
        }
        return;
    }
    uint64_t id = read_eight_digits(message + ID_AT) * 100000000u + read_eight_digits(message + ID_AT + 8);
    if (id <= client->last_id) phase.unordered++;
    client->last_id = id;
    if (client->payload_at == 0) {
        const char *found = memmem(message, length, payload, sizeof payload - 1);
        if (found != NULL) client->payload_at = (uint16_t)(found - message + sizeof payload - 1);
    }
    if (client->payload_at == 0 || length < client->payload_at + 2u)
        phase.malformed++;
    else
        take_event(client, message + client->payload_at, length - client->payload_at - 2, now);
}

static void answer_ping(struct client *client, const char *payload, size_t length)
{
    /* The mask that a client has to apply may be zero, which changes nothing. */
    char pong[6 + 125] = {(char)0x8a, (char)(0x80 | length)};
    memcpy(pong + 6, payload, length);
    send(client->socket, pong, 6 + length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* All frames between `at` and `end`. Where the last one is not whole, its beginning is carried over. */
static void take_frames(struct client *client, const char *at, const char *end, uint64_t now)
{
    while (end - at >= 2) {
        size_t length = (uint8_t)at[1], header = 2;
        if (length == 126) {
            header = 4;
            if (end - at < 4) break;
            length = (size_t)(uint8_t)at[2] << 8 | (uint8_t)at[3];
        } else if (length > 126) {
            fail("a frame that no server of ours sends");
        }
        if ((size_t)(end - at) < header + length) break;
        switch ((uint8_t)at[0]) {
        case 0x81: /* text, complete */
            if (options.cursor != NULL)
                take_envelope(client, at + header, length, now);
            else
                take_event(client, at + header, length, now);
            break;
        case 0x89: /* ping */
            answer_ping(client, at + header, length);
            break;
        case 0x88: /* close */
            close_client(client);
            return;
        default:
            phase.malformed++;
        }
        at += header + length;
    }
    client->carried = (uint32_t)(end - at);
    if (client->carried == 0) return;
    if (client->carried > CARRY_BYTES) fail("a frame of more than %d bytes", CARRY_BYTES);
    if (client->carry == NULL) client->carry = malloc(CARRY_BYTES);
    memcpy(client->carry, at, client->carried);
}

/* The answer to the request; frames may follow it at once. */
static void take_answer(struct client *client, const char *at, const char *end, uint64_t now)
{
    static const char blank[] = "\r\n\r\n";
    const char *over = memmem(at, (size_t)(end - at), blank, sizeof blank - 1);
    if (over == NULL) {
        client->carried = (uint32_t)(end - at);
        if (client->carried > CARRY_BYTES) fail("an answer of more than %d bytes", CARRY_BYTES);
        if (client->carry == NULL) client->carry = malloc(CARRY_BYTES);
        memcpy(client->carry, at, client->carried);
        return;
    }
    if (memcmp(at, "HTTP/1.1 101 ", 13) != 0 ||
        memmem(at, (size_t)(over - at), expected_accept, ACCEPT_LENGTH) == NULL)
        fail("the server refuses:\n%.*s", (int)(end - at), at);
    client->state = OPEN;
    opened++;
    open_now++;
    take_frames(client, over + sizeof blank - 1, end, now);
}

/* One read for each time that there is something, so that all clients are read in turns. */
static void receive(struct client *client)
{
    ssize_t received = recv(client->socket, buffer + CARRY_BYTES, BUFFER_BYTES, MSG_DONTWAIT);
    if (received <= 0) {
        if (received < 0 && errno == EAGAIN) return;
        if (client->state == CONNECTING) fail("the server cuts a connection before it has answered");
        close_client(client);
        return;
    }
    uint64_t now = now_microseconds();
    char *at = buffer + CARRY_BYTES - client->carried;
    memcpy(at, client->carry, client->carried);
    phase.receives++;
    phase.bytes += (uint64_t)received;
    phase.last_receipt = now;
    if (client->state == OPEN)
        take_frames(client, at, buffer + CARRY_BYTES + received, now);
    else
        take_answer(client, at, buffer + CARRY_BYTES + received, now);
}

/* --- connecting ------------------------------------------------------------------------------------------------- */

static void connect_client(size_t index)
{
    struct client *client = &clients[index];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0) fail_with_errno("socket");
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* On loopback it does not wait, as long as the server has room for it. */
    if (connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0) fail_with_errno("connecting");

    char request[512], number_part[24] = "", query[64] = "";
    if (options.channels > 1) snprintf(number_part, sizeof number_part, "-%zu", index % options.channels);
    if (cursor_count > 0) {
        client->next = cursors[index % cursor_count].next;
        client->last_id = cursors[index % cursor_count].id;
        snprintf(query, sizeof query, "?last-seen-id=%" PRIu64, client->last_id);
    } else if (options.cursor != NULL) {
        snprintf(query, sizeof query, "?last-seen-id=%s", options.cursor);
    }
    int length = snprintf(request, sizeof request,
                          "GET /listen/%s%s%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                          options.channel, number_part, query, key);
    if (send(client->socket, request, (size_t)length, MSG_NOSIGNAL) != length) fail_with_errno("asking");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->socket, &event) != 0) fail_with_errno("epoll_ctl");
}

/* A file of lines "ID NUMBER". */
static void read_cursors(const char *path)
{
    FILE *file = fopen(path, "r");
    struct cursor cursor;
    if (file == NULL) fail_with_errno(path);
    while (fscanf(file, "%" SCNu64 " %" SCNu64, &cursor.id, &cursor.next) == 2) {
        cursors = realloc(cursors, (cursor_count + 1) * sizeof *cursors);
        cursors[cursor_count++] = cursor;
    }
    fclose(file);
    if (cursor_count == 0) fail("%s: no line with a cursor", path);
}

/* Reset and not closed in order: no port has to wait a minute until it may be used again. */
static void leave(void)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (size_t i = 0; i < asked; i++)
        if (clients[i].state != CLOSED)
            setsockopt(clients[i].socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    exit(EXIT_SUCCESS);
}

/* --- in and out ------------------------------------------------------------------------------------------------- */

static void expect_more(uint64_t until)
{
    options.until = until;
    completed = 0;
    for (size_t i = 0; i < options.clients; i++) {
        clients[i].is_complete = clients[i].next >= until;
        completed += clients[i].is_complete;
    }
    has_told = false;
}

static void obey(const char *command)
{
    if (strcmp(command, "connect") == 0) {
        is_connecting = true;
        begin_phase();
    } else if (strcmp(command, "mark") == 0) {
        end_phase("phase");
    } else if (strncmp(command, "until ", 6) == 0) {
        expect_more(number("until", command + 6));
    } else {
        fail("what is '%s'?", command);
    }
}

/* Its end is ours too: nothing is left behind when whoever drives us dies. */
static void read_commands(void)
{
    static char line[64];
    static size_t length;
    ssize_t received = read(STDIN_FILENO, line + length, sizeof line - 1 - length);
    if (received <= 0) leave();
    length += (size_t)received;
    line[length] = '\0';
    for (char *over; (over = strchr(line, '\n')) != NULL; length = strlen(line)) {
        *over = '\0';
        obey(line);
        memmove(line, over + 1, strlen(over + 1) + 1);
    }
}

static void read_options(int count, char **arguments)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},     {"clients", required_argument, NULL, 'n'},
        {"channel", required_argument, NULL, 'c'},  {"channels", required_argument, NULL, 'k'},
        {"cursor", required_argument, NULL, 'l'},   {"cursors", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'u'},    {"latency", no_argument, NULL, 't'},
        {"server", required_argument, NULL, 's'},   {NULL, 0, NULL, 0},
    };
    int option, index;
    while ((option = getopt_long(count, arguments, "", known, &index)) != -1) {
        switch (option) {
        case 'p': options.port = (uint16_t)number("port", optarg); break;
        case 'n': options.clients = number("clients", optarg); break;
        case 'c': options.channel = optarg; break;
        case 'k': options.channels = number("channels", optarg); break;
        case 'l': options.cursor = optarg; break;
        case 'f': options.cursor = optarg, read_cursors(optarg); break;
        case 'u': options.until = number("until", optarg); break;
        case 't': options.measures_latency = true; break;
        case 's': options.server = (pid_t)number("server", optarg); break;
        default: fail("see the top of swarm.c");
        }
    }
    if (options.port == 0 || options.clients == 0 || options.channels == 0 || optind != count)
        fail("--port is needed, and one client and channel at least");
}

int main(int count, char **arguments)
{
    read_options(count, arguments);
    accept_value(expected_accept, key);
    clients = calloc(options.clients, sizeof *clients);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event standard_input = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &standard_input) != 0) fail_with_errno("standard input");
    begin_phase();

    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (client == NULL)
                read_commands();
            else if (client->state != CLOSED)
                receive(client);
        }
        while (is_connecting && asked < options.clients && asked - opened < IN_FLIGHT) connect_client(asked++);
        if (is_connecting && opened == options.clients) {
            is_connecting = false;
            end_phase("connected");
        }
        if (!has_told && completed == options.clients) {
            has_told = true;
            end_phase("complete");
        }
    }
}
