/* The plainest broadcaster from PostgreSQL to WebSockets that can be written: what the relay is compared with.
 *
 *     yardstick DATABASE_URL        prints {"port": 12345} and serves /listen/<channel> on 127.0.0.1 until it is ended
 *
 * One thread, one epoll. Each event is encoded once, into the ring of its channel; each client has a position in that
 * ring and is sent all that is behind it with one call. It has no log, no ids, no resume, no keepalive, and believes
 * what clients say. It loses nothing: where a client is a whole ring behind, PostgreSQL has to wait.
 */
#include "accept_key.h"
#include "bench.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
    /* Small enough to stay in the processor's cache, large enough that a client may be some sends behind. */
    RING_BYTES = 1 << 20,
    LARGEST_FRAME = 4 + LARGEST_PAYLOAD,
    LARGEST_REQUEST = 4096,
    EVENTS_AT_ONCE = 1024,
    BACKLOG = 4096,
    /* Of events that are taken from PostgreSQL before clients get them: larger sends gain nothing. */
    BYTES_AT_ONCE = 512 << 10,
};

struct client {
    int socket;
    bool is_full;            /* the kernel took no more; EPOLLOUT tells when it does again */
    size_t index;            /* in its channel */
    struct channel *channel; /* NULL until its request is complete */
    uint64_t position;       /* in the stream of its channel */
    char *request;
    size_t request_length;
};

struct channel {
    char name[64];
    char *ring; /* mapped twice, one behind the other: what wraps around is contiguous too */
    uint64_t end;
    uint64_t room_until; /* no client is behind this minus the ring */
    bool has_news;
    struct client **clients;
    size_t count, capacity;
};

/* Whether there may be more to take from PostgreSQL. */
enum intake { DRAINED, UNFINISHED, WAITS_FOR_ROOM };

static int epoll;
static PGconn *postgres;
static PGnotify *held; /* taken from libpq; while there is no room for it, nothing more is taken */
static enum intake intake = UNFINISHED;
static struct channel **channels;
static size_t channel_count;

/* --- channels --------------------------------------------------------------------------------------------------- */

static char *new_ring(void)
{
    int memory = memfd_create("ring", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, RING_BYTES) != 0) fail_with_errno("memfd");
    char *ring = mmap(NULL, 2 * RING_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED) fail_with_errno("mmap");
    for (int half = 0; half < 2; half++)
        if (mmap(ring + half * RING_BYTES, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) ==
            MAP_FAILED)
            fail_with_errno("mmap");
    close(memory);
    return ring;
}

/* Found by name, NULL if nobody has asked for it. The last one found is likely to be the next. */
static struct channel *channel_named(const char *name)
{
    static size_t last;
    for (size_t i = 0; i < channel_count; i++) {
        size_t index = last + i < channel_count ? last + i : last + i - channel_count;
        if (strcmp(channels[index]->name, name) == 0) {
            last = index;
            return channels[index];
        }
    }
    return NULL;
}

static struct channel *new_channel(const char *name)
{
    struct channel *channel = calloc(1, sizeof *channel);
    snprintf(channel->name, sizeof channel->name, "%s", name);
    channel->ring = new_ring();
    channel->room_until = RING_BYTES;
    channels = realloc(channels, (channel_count + 1) * sizeof *channels);
    channels[channel_count++] = channel;

    char command[256], *quoted = PQescapeIdentifier(postgres, name, strlen(name));
    snprintf(command, sizeof command, "LISTEN %s", quoted);
    PQfreemem(quoted);
    PGresult *result = PQexec(postgres, command);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("%s: %s", command, PQerrorMessage(postgres));
    PQclear(result);
    intake = UNFINISHED; /* libpq may have read events together with its answer */
    return channel;
}

static bool has_room(struct channel *channel)
{
    if (channel->end + LARGEST_FRAME <= channel->room_until) return true;
    uint64_t slowest = channel->end;
    for (size_t i = 0; i < channel->count; i++)
        if (channel->clients[i]->position < slowest) slowest = channel->clients[i]->position;
    channel->room_until = slowest + RING_BYTES;
    return channel->end + LARGEST_FRAME <= channel->room_until;
}

static size_t append_frame(struct channel *channel, const char *payload)
{
    size_t length = strlen(payload), header = 2;
    char *frame = channel->ring + channel->end % RING_BYTES;
    frame[0] = (char)0x81; /* a text message, complete */
    if (length < 126) {
        frame[1] = (char)length;
    } else {
        frame[1] = 126;
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        header = 4;
    }
    memcpy(frame + header, payload, length);
    channel->end += header + length;
    channel->has_news = true;
    return header + length;
}

/* --- clients ---------------------------------------------------------------------------------------------------- */

static void drop(struct client *client)
{
    struct channel *channel = client->channel;
    if (channel != NULL) {
        channel->clients[client->index] = channel->clients[--channel->count];
        channel->clients[client->index]->index = client->index;
    }
    close(client->socket);
    free(client->request);
    free(client);
}

static void send_news(struct client *client)
{
    struct channel *channel = client->channel;
    while (client->position < channel->end) {
        ssize_t sent = send(client->socket, channel->ring + client->position % RING_BYTES,
                            channel->end - client->position, MSG_NOSIGNAL | MSG_DONTWAIT);
        /* Of a connection that is broken, epoll tells. */
        client->is_full = sent < 0;
        if (sent < 0) return;
        client->position += (uint64_t)sent;
    }
}

static void join(struct client *client, const char *name)
{
    struct channel *channel = channel_named(name);
    if (channel == NULL) channel = new_channel(name);
    if (channel->count == channel->capacity) {
        channel->capacity = channel->capacity == 0 ? 8 : 2 * channel->capacity;
        channel->clients = realloc(channel->clients, channel->capacity * sizeof *channel->clients);
    }
    client->index = channel->count;
    client->position = channel->end;
    client->channel = channel;
    channel->clients[channel->count++] = client;
}

/* Whether the client may stay. */
static bool answer(struct client *client)
{
    static const char key_header[] = "\r\nSec-WebSocket-Key: ";
    char name[64], response[256];
    const char *key = strstr(client->request, key_header);
    if (key == NULL || strlen(key + sizeof key_header - 1) < KEY_LENGTH ||
        sscanf(client->request, "GET /listen/%63[^ ?] ", name) != 1)
        return false;
    int length = sprintf(response, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: ");
    accept_value(response + length, key + sizeof key_header - 1);
    length += ACCEPT_LENGTH;
    length += sprintf(response + length, "\r\n\r\n");
    join(client, name);
    free(client->request);
    client->request = NULL;
    return send(client->socket, response, (size_t)length, MSG_NOSIGNAL) == length;
}

/* The request, and later what clients send to a WebSocket, which is of no interest. Whether the client may stay. */
static bool receive(struct client *client)
{
    char ignored[1024];
    for (;;) {
        bool is_request = client->channel == NULL;
        char *place = is_request ? client->request + client->request_length : ignored;
        size_t room = is_request ? LARGEST_REQUEST - 1 - client->request_length : sizeof ignored;
        ssize_t received = recv(client->socket, place, room, MSG_DONTWAIT);
        if (received < 0) return errno == EAGAIN;
        if (received == 0) return false;
        if (!is_request) continue;
        client->request_length += (size_t)received;
        client->request[client->request_length] = '\0';
        if (strstr(client->request, "\r\n\r\n") != NULL && !answer(client)) return false;
    }
}

static void serve(struct client *client, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP) || (events & EPOLLIN && !receive(client)))
        drop(client);
    else if (client->channel != NULL && events & EPOLLOUT)
        send_news(client);
}

static void watch(int descriptor, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail_with_errno("epoll_ctl");
}

static void accept_clients(int listener)
{
    int socket, one = 1;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        client->socket = socket;
        client->request = malloc(LARGEST_REQUEST);
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        /* On edges: nothing has to be changed when a socket is full, or is no more. */
        watch(socket, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, client);
    }
}

/* --- events ----------------------------------------------------------------------------------------------------- */

/* The next event that PostgreSQL has sent, or NULL. */
static PGnotify *next_event(void)
{
    PGnotify *event = PQnotifies(postgres);
    if (event != NULL) return event;
    if (PQconsumeInput(postgres) == 0) fail("PostgreSQL is gone: %s", PQerrorMessage(postgres));
    return PQnotifies(postgres);
}

static enum intake take_events(void)
{
    for (size_t bytes = 0; bytes < BYTES_AT_ONCE;) {
        if (held == NULL) held = next_event();
        if (held == NULL) return DRAINED;
        struct channel *channel = channel_named(held->relname);
        if (!has_room(channel)) return WAITS_FOR_ROOM;
        bytes += append_frame(channel, held->extra);
        PQfreemem(held);
        held = NULL;
    }
    return UNFINISHED;
}

static void send_all_news(void)
{
    for (size_t i = 0; i < channel_count; i++) {
        if (!channels[i]->has_news) continue;
        channels[i]->has_news = false;
        for (size_t j = 0; j < channels[i]->count; j++)
            if (!channels[i]->clients[j]->is_full) send_news(channels[i]->clients[j]);
    }
}

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, BACKLOG) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail_with_errno("listening");
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments)
{
    static int listener_tag, postgres_tag;
    if (count != 2) fail("usage: yardstick DATABASE_URL");
    postgres = PQconnectdb(arguments[1]);
    if (PQstatus(postgres) != CONNECTION_OK) fail("%s", PQerrorMessage(postgres));

    epoll = epoll_create1(EPOLL_CLOEXEC);
    /* On edges, since it stays readable while nothing is taken. */
    watch(PQsocket(postgres), EPOLLIN | EPOLLET, &postgres_tag);
    int listener = listen_on_loopback();
    watch(listener, EPOLLIN, &listener_tag);

    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll, events, EVENTS_AT_ONCE, intake == UNFINISHED ? 0 : -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &listener_tag)
                accept_clients(listener);
            else if (events[i].data.ptr == &postgres_tag)
                intake = UNFINISHED;
            else
                serve(events[i].data.ptr, events[i].events);
        }
        if (intake == DRAINED) continue;
        /* Where it waited for room, clients may have made some. */
        intake = take_events();
        send_all_news();
    }
}
