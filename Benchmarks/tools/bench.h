/* What the tools share: clocks, a histogram, the accounts of a process, and the payload that they agree on. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- ends ------------------------------------------------------------------------------------------------------- */

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

__attribute__((noreturn)) static inline void fail_with_errno(const char *what)
{
    fail("%s: %s", what, strerror(errno));
}

/* The value of a numeric option. */
static inline uint64_t number(const char *option, const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') fail("--%s: '%s' is no number", option, text);
    return value;
}

/* --- clocks ----------------------------------------------------------------------------------------------------- */

static inline uint64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Of the wall clock, which two processes have in common. */
static inline uint64_t now_microseconds(void)
{
    return nanoseconds(CLOCK_REALTIME) / 1000;
}

/* --- processes -------------------------------------------------------------------------------------------------- */

/* What a process has used so far. Its CPU clock counts nanoseconds, /proc/PID/stat only ticks of 10 ms. */
struct account {
    uint64_t cpu_ns;
    uint64_t rss_kib;
    uint64_t peak_rss_kib;
};

static inline uint64_t kib_of(pid_t process, const char *file, const char *field)
{
    char path[64], line[256];
    uint64_t value = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, file);
    FILE *stream = fopen(path, "r");
    if (stream == NULL) return 0;
    size_t length = strlen(field);
    while (fgets(line, sizeof line, stream) != NULL)
        if (strncmp(line, field, length) == 0) value = strtoull(line + length, NULL, 10);
    fclose(stream);
    return value;
}

static inline uint64_t cpu_of(pid_t process)
{
    clockid_t clock;
    if (process == 0) return 0;
    return clock_getcpuclockid(process, &clock) == 0 ? nanoseconds(clock) : 0;
}

/* Zeros for process 0 and for one that is gone. */
static inline struct account account_of(pid_t process)
{
    struct account account = {0};
    if (process == 0) return account;
    account.cpu_ns = cpu_of(process);
    account.rss_kib = kib_of(process, "status", "VmRSS:");
    account.peak_rss_kib = kib_of(process, "status", "VmHWM:");
    return account;
}

/* --- the payload ------------------------------------------------------------------------------------------------ */

/* Eight digits of the event's number within its channel, sixteen of the microsecond at which it was published, then
 * letters up to the size that was asked for. No character needs an escape in JSON, in an array or in a query. */
enum { NUMBER_DIGITS = 8, STAMP_DIGITS = 16, SMALLEST_PAYLOAD = NUMBER_DIGITS + STAMP_DIGITS, LARGEST_PAYLOAD = 7999 };

static inline void write_digits(char *place, int digits, uint64_t value)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10) place[i] = (char)('0' + value % 10);
}

/* Eight decimal digits at once, the first in the lowest byte: neighbours are joined to pairs, to fours, to one number.
 * UINT64_MAX if one of them is no digit. */
static inline uint64_t read_eight_digits(const char *place)
{
    uint64_t text;
    memcpy(&text, place, sizeof text);
    uint64_t digits = text ^ 0x3030303030303030u;
    if (((digits + 0x7676767676767676u) | digits) & 0x8080808080808080u) return UINT64_MAX;
    uint64_t pairs = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ffu;
    uint64_t fours = (pairs * 100 + (pairs >> 16)) & 0x0000ffff0000ffffu;
    return (fours * 10000 + (fours >> 32)) & 0xffffffffu;
}

static inline uint64_t payload_number(const char *payload)
{
    return read_eight_digits(payload);
}

static inline uint64_t payload_stamp(const char *payload)
{
    return read_eight_digits(payload + NUMBER_DIGITS) * 100000000u + read_eight_digits(payload + NUMBER_DIGITS + 8);
}

/* --- histogram -------------------------------------------------------------------------------------------------- */

/* Log-linear: 32 steps in each power of two, so a value is known within 3 %. Below 32, exactly. */
enum { STEPS_LOG2 = 5, STEPS = 1 << STEPS_LOG2, BUCKETS = (64 - STEPS_LOG2 + 1) * STEPS };

struct histogram {
    uint64_t count[BUCKETS];
};

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    int shift = value < STEPS ? 0 : 63 - __builtin_clzll(value) - STEPS_LOG2;
    histogram->count[(size_t)shift * STEPS + (value >> shift)]++;
}

/* As a JSON array of [middle of a bucket, count], without the empty ones. */
static inline void histogram_print(const struct histogram *histogram, FILE *stream)
{
    const char *separator = "";
    fputc('[', stream);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (histogram->count[i] == 0) continue;
        size_t shift = i < 2 * STEPS ? 0 : i / STEPS - 1;
        uint64_t lowest = (uint64_t)(i - shift * STEPS) << shift;
        fprintf(stream, "%s[%" PRIu64 ",%" PRIu64 "]", separator, lowest + ((UINT64_C(1) << shift) >> 1),
                histogram->count[i]);
        separator = ",";
    }
    fputc(']', stream);
}

#endif
