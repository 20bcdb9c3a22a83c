/* One connection of the soak's client. */
#include "soak.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define STUCK_NS (10 * MILLI_NS) /* then it tries again to send */

/* Some MiB: what the system takes for a connection, and then what the server does. */
enum { DEAF_PACKETS = 2500 };

enum { TOLD_MAX = 10, ON_THE_WAY = 8, PROBE = 4096, AT_ONCE = 1 << 18, LARGEST = 3 << 20 };

const char *const kind_names[KINDS] = {
    [STEADY] = "steady",  [MEMBER] = "member",   [FIGURES] = "figures", [VISITOR] = "visitors",
    [ASKER] = "askers",   [DEAF] = "deaf",       [TRICKLE] = "trickle", [LARGE] = "large",
    [HOLDER] = "holders", [GARBAGE] = "garbage", [FAILING] = "failing",
};

static const struct mix mixes[KINDS] = {
    [STEADY] = {"e", 0, 1, 1024},
    [MEMBER] = {"p", 'j', PACKET_HEAD, 1024},
    [FIGURES] = {"e", 0, 1, 1},
    [VISITOR] = {"eeeh", 0, 1, 4096},
    [ASKER] = {"shmtcko", 0, PACKET_HEAD, 2048},
    [DEAF] = {"e", 0, 500, 2000},
    [TRICKLE] = {"e", 0, 1, 200},
    [LARGE] = {"e", 0, 32768, LARGEST},
    [HOLDER] = {"e", 0, 262144, LARGEST},
    [GARBAGE] = {"e", 0, 1, 1},
    [FAILING] = {"x", 0, 1, 100},
};

/* ---- what goes wrong ---- */

__attribute__((format(printf, 3, 4))) static void tell(struct soak *soak, const struct peer *peer,
                                                       const char *format, ...)
{
    va_list arguments;
    if (soak->told++ >= TOLD_MAX) return;
    printf("%7.1f s  %s %" PRIu64 ", packet %" PRIu64 ": ",
           seconds_of(soak->now_ns - soak->begin_ns), kind_names[peer->kind], peer->owner,
           peer->answered);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void find_wrong(struct soak *soak, struct peer *peer, const char *what)
{
    tell(soak, peer, "%s", what);
    *(peer->kind < CHURN ? &soak->wrong_steady : &soak->wrong_others) += 1;
    peer_close(soak, peer);
}

/* It is over, and not because we wanted it. */
static void find_ended(struct soak *soak, struct peer *peer, const char *how)
{
    if (peer->kind < CHURN) {
        tell(soak, peer, "it was lost: %s", how);
        soak->lost++;
        peer->lost = true;
    } else if (!peer->half) {
        soak->cut[peer->kind]++;
    }
    peer_close(soak, peer);
}

/* ---- coming ---- */

static void plan_stay(struct soak *soak, struct peer *peer)
{
    static const uint64_t packets[KINDS] = {
        [VISITOR] = 20, [ASKER] = 6, [TRICKLE] = 3, [LARGE] = 3, [FAILING] = 1};
    uint64_t most = packets[peer->kind];
    peer->total = most == 0 ? UINT64_MAX : 1 + draw(soak, most);
    if (peer->kind == DEAF) peer->total = DEAF_PACKETS;
    peer->leaving = (enum leaving)draw(soak, LEAVINGS);
    peer->deadline_ns =
        peer->kind < CHURN
            ? UINT64_MAX
            : soak->now_ns + SECOND_NS / 2 + draw(soak, peer->kind == VISITOR ? 3 : 6) * SECOND_NS;
}

void peer_open(struct soak *soak, struct peer *peer, enum kind kind)
{
    union address_system system;
    socklen_t size = address_to_system(&soak->address, &system);
    uint64_t *heard = peer->heard;
    *peer = (struct peer){.kind = kind, .owner = soak->owners++, .due_ns = soak->now_ns};
    peer->heard = heard;
    peer->handle = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer->handle < 0) fail(3, "socket: %s", strerror(errno));
    if (kind == DEAF) setsockopt(peer->handle, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    setsockopt(peer->handle, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(peer->handle, &system.any, size) != 0 && errno != EINPROGRESS) {
        find_ended(soak, peer, strerror(errno));
        return;
    }
    struct epoll_event event = {.events = kind == DEAF ? 0 : EPOLLIN, .data.ptr = peer};
    if (epoll_ctl(soak->epoll, EPOLL_CTL_ADD, peer->handle, &event) != 0)
        fail(3, "epoll_ctl: %s", strerror(errno));
    plan_stay(soak, peer);
    peer->out = packet_plan(&mixes[kind], peer->owner, 0);
    peer->in = peer->out;
    soak->opened[kind]++;
}

void peer_close(struct soak *soak, struct peer *peer)
{
    if (peer->handle >= 0) close(peer->handle);
    peer->handle = -1;
    peer->due_ns = soak->now_ns + draw(soak, soak->rest_ns + 1);
}

bool peer_rests(const struct peer *peer)
{
    return peer->answered == peer->asked;
}

/* ---- sending ---- */

/* At most so many bytes of the packets that were asked. False: the connection has ended. */
static bool push(struct soak *soak, struct peer *peer, size_t most)
{
    static uint8_t bytes[PIECE];
    while (peer->out.number < peer->asked && most != 0) {
        size_t size = peer->out.size - peer->out_offset;
        if (size > most) size = most;
        if (size > PIECE) size = PIECE;
        if (size > PROBE && peer->stuck) size = PROBE;
        packet_fill(&peer->out, peer->out_offset, bytes, size);
        ssize_t sent = send(peer->handle, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            find_ended(soak, peer, strerror(errno));
            return false;
        }
        peer->stuck = sent <= 0;
        if (peer->stuck) {
            peer->due_ns = soak->now_ns + STUCK_NS;
            return true;
        }
        most -= (size_t)sent;
        peer->out_offset += (size_t)sent;
        if (peer->out_offset < peer->out.size) continue;
        peer->out = packet_plan(&mixes[peer->kind], peer->owner, peer->out.number + 1);
        peer->out_offset = 0;
    }
    return true;
}

void peer_send_text(struct soak *soak, struct peer *peer, const char *text)
{
    uint8_t bytes[64];
    size_t size = HEADER + strlen(text);
    for (size_t i = 0; i < HEADER; i++) bytes[i] = (uint8_t)(size >> 8 * i);
    memcpy(bytes + HEADER, text, size - HEADER);
    if (send(peer->handle, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        find_ended(soak, peer, strerror(errno));
}

static void send_garbage(struct soak *soak, struct peer *peer)
{
    static const struct {
        const char *bytes;
        size_t size;
    } kinds[] = {
        {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11}, /* the begin of TLS */
        {"\xff\xff\xff\x7f", 4},                              /* too long */
        {"\x00\x00\x00\x10", 4},                              /* the other order */
        {"\x03\x00\x00\x00", 4},                              /* shorter than itself */
        {"\x00\x00\x00\x00\x00\x00\x00\x00", 8},
    };
    uint64_t chance = draw(soak, sizeof kinds / sizeof *kinds);
    send(peer->handle, kinds[chance].bytes, kinds[chance].size, MSG_NOSIGNAL);
}

/* ---- leaving ---- */

static void leave(struct soak *soak, struct peer *peer)
{
    const struct linger at_once = {.l_onoff = 1};
    switch (peer->leaving) {
    case BY_HALF:
        if (peer->half || shutdown(peer->handle, SHUT_WR) != 0) break;
        peer->half = true; /* it hears what still comes */
        peer->deadline_ns = soak->now_ns + 2 * SECOND_NS;
        peer->due_ns = soak->now_ns + SECOND_NS / 10;
        return;
    case BY_RESET: setsockopt(peer->handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); break;
    case IN_THE_MIDDLE:
        peer->asked++;
        if (!push(soak, peer, peer->out.size / 2)) return;
        break;
    default: break;
    }
    peer_close(soak, peer);
}

/* ---- what is due ---- */

static void act_by_kind(struct soak *soak, struct peer *peer)
{
    uint64_t after_ns = 2 * MILLI_NS;
    size_t most = AT_ONCE; /* the others are measured, and should not wait for us */
    switch (peer->kind) {
    case STEADY:
    case MEMBER:
        if (soak->asking && peer_rests(peer)) {
            peer->asked++;
            peer->asked_ns = soak->now_ns;
        }
        break;
    case FIGURES: return;
    case VISITOR: peer->asked = peer->answered + ON_THE_WAY; break;
    case ASKER:
    case LARGE: peer->asked = peer->answered + 1; break;
    case TRICKLE:
        peer->asked = peer->answered + 2;
        most = 1;
        after_ns = (1 + draw(soak, 8)) * MILLI_NS;
        break;
    case HOLDER:
        peer->asked = 1;
        most = (size_t)peer->out.size - peer->out.size / 16 - peer->out_offset;
        if (most > AT_ONCE) most = AT_ONCE;
        after_ns = 20 * MILLI_NS;
        break;
    case DEAF:
        peer->asked = peer->out.number + 16;
        after_ns = 10 * MILLI_NS;
        break;
    case GARBAGE:
        send_garbage(soak, peer);
        after_ns = peer->deadline_ns - soak->now_ns;
        break;
    default: peer->asked = 1; break;
    }
    if (peer->kind >= CHURN && peer->asked > peer->total) peer->asked = peer->total;
    peer->due_ns = soak->now_ns + after_ns;
    if (peer->kind != GARBAGE) push(soak, peer, most);
}

void peer_act(struct soak *soak, struct peer *peer)
{
    if (peer->handle < 0) return;
    if (soak->now_ns >= peer->deadline_ns || peer->answered == peer->total)
        leave(soak, peer);
    else if (!peer->half)
        act_by_kind(soak, peer);
}

/* ---- hearing ---- */

static void note_answer(struct soak *soak, struct peer *peer)
{
    uint64_t pause_ns = 0;
    peer->answered++;
    peer->in = packet_plan(&mixes[peer->kind], peer->owner, peer->answered);
    peer->in_offset = 0;
    if (peer->kind == STEADY) {
        histogram_add(&soak->interval, soak->now_ns - peer->asked_ns);
        histogram_add(&soak->whole, soak->now_ns - peer->asked_ns);
        pause_ns = draw(soak, 20 * MILLI_NS);
    } else if (peer->kind == MEMBER) {
        pause_ns = 100 * MILLI_NS + draw(soak, 300 * MILLI_NS);
    }
    if (peer->kind != TRICKLE && !peer->half) peer->due_ns = soak->now_ns + pause_ns;
}

/* What another member has said must be that, and the next that it had to say. */
static bool hear_member(struct soak *soak, struct peer *peer, size_t size)
{
    uint8_t expected[ASIDE];
    uint64_t owner = 0, number = 0;
    if (peer->kind != MEMBER || size < PACKET_HEAD) return false;
    for (size_t i = 0; i < 4; i++) owner |= (uint64_t)peer->aside[HEADER + 2 + i] << 8 * i;
    for (size_t i = 0; i < 8; i++) number |= (uint64_t)peer->aside[HEADER + 6 + i] << 8 * i;
    if (owner >= soak->owners || owner - soak->steady_count >= soak->member_count) return false;
    struct packet packet = packet_plan(&mixes[MEMBER], owner, number);
    packet.letter = 'G';
    if (packet.size != size || packet.tag != peer->owner % ROOMS) return false;
    packet_fill(&packet, 0, expected, size);
    if (memcmp(expected, peer->aside, size) != 0) return false;
    uint64_t *next = &peer->heard[owner - soak->steady_count];
    if (*next != 0 && number > *next) {
        tell(soak, peer, "missed what %" PRIu64 " said: %" PRIu64 " came, not %" PRIu64, owner,
             number, *next);
        soak->missed += number - *next;
    } else if (number < *next) {
        tell(soak, peer, "out of order: %" PRIu64 " of %" PRIu64 " came, not %" PRIu64, number,
             owner, *next);
        soak->disordered++;
    }
    *next = number + 1;
    soak->heard++;
    return true;
}

/* A frame that is no echo: of a room, to everybody, or figures. */
static bool hear_aside(struct soak *soak, struct peer *peer, size_t size)
{
    static const char to_all[] = "To all of you.";
    switch (peer->aside[HEADER]) {
    case 'G': return hear_member(soak, peer, size);
    case 'T':
        return size == HEADER + strlen(to_all) &&
               memcmp(peer->aside + HEADER, to_all, strlen(to_all)) == 0;
    case 'F':
        if (peer->kind != FIGURES || size == ASIDE) return false;
        peer->aside[size] = '\0';
        sample_figures(soak, (char *)peer->aside + HEADER + 1);
        return true;
    default: return false;
    }
}

static bool is_aside(uint8_t letter)
{
    return letter == 'G' || letter == 'T' || letter == 'F';
}

/* Uses up some of the bytes; 0: they are wrong. */
static size_t hear_part(struct soak *soak, struct peer *peer, const uint8_t *bytes, size_t size)
{
    static uint8_t expected[PIECE];
    size_t used = 0, length = 0;
    if (peer->in_offset == 0) { /* of what is it the begin? */
        size_t wanted = HEADER + 1;
        if (peer->aside_size >= wanted) {
            for (size_t i = 0; i < HEADER; i++) length |= (size_t)peer->aside[i] << 8 * i;
            wanted = length;
            if (wanted <= HEADER + 1 || wanted > ASIDE) return 0;
        }
        for (; used < size && peer->aside_size < wanted; used++)
            peer->aside[peer->aside_size++] = bytes[used];
        if (peer->aside_size < wanted) return used;
        if (wanted > HEADER + 1) {
            peer->aside_size = 0;
            return hear_aside(soak, peer, length) ? used : 0;
        }
        if (is_aside(peer->aside[HEADER])) return used;
        if (peer->in.number >= peer->out.number) return 0; /* more than was sent */
        packet_fill(&peer->in, 0, expected, HEADER + 1);
        if (memcmp(expected, peer->aside, HEADER + 1) != 0) return 0;
        peer->aside_size = 0;
        peer->in_offset = HEADER + 1;
    } else {
        used = peer->in.size - peer->in_offset;
        if (used > size) used = size;
        packet_fill(&peer->in, peer->in_offset, expected, used);
        if (memcmp(expected, bytes, used) != 0) return 0;
        peer->in_offset += used;
    }
    if (peer->in_offset == peer->in.size) note_answer(soak, peer);
    return used;
}

void peer_hear(struct soak *soak, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    if (peer->handle < 0) return;
    ssize_t size = recv(peer->handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        find_ended(soak, peer, size == 0 ? "the server closed it" : strerror(errno));
        return;
    }
    soak->now_ns = now_ns();
    for (size_t at = 0; at < (size_t)size;) {
        size_t used = hear_part(soak, peer, bytes + at, (size_t)size - at);
        if (used == 0) {
            find_wrong(soak, peer, "something came that was not sent");
            return;
        }
        at += used;
        if (peer->handle < 0) return;
    }
}
