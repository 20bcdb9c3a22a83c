#include "frame/http_answer.h"

#include "base/text.h"

const char *http_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } known[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status) return known[i].phrase;
    return "Unknown";
}

/* Of days since 1970 in the calendar of Gregory: years begin in March here, so that the day that may be missing is the
 * last one of a year, and 400 years are 146,097 days. */
static void date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t since = days + 719468; /* the first of March in the year 0 */
    unsigned in_era = (unsigned)(since % 146097);
    unsigned years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * years + years / 4 - years / 100);
    unsigned from_march = (5 * in_year + 2) / 153;
    *day = in_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = (unsigned)(since / 146097) * 400 + years + (*month <= 2);
}

/* What does not fit into the four digits of a year is cut. */
void http_date_write(uint64_t unix_s, char room[HTTP_DATE_SIZE])
{
    static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned year, month, day, second = (unsigned)(unix_s % 86400);
    date_of(unix_s / 86400, &year, &month, &day);
    struct text text = text_in(room, HTTP_DATE_SIZE);
    text_add(&text, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[unix_s / 86400 % 7], day,
             months[month - 1], year, second / 3600, second / 60 % 60, second % 60);
}

size_t http_answer_write(const struct http_answer *answer, char *room, size_t size)
{
    bool has_body = answer->status != 304 && answer->status != 204;
    char date[HTTP_DATE_SIZE];
    check(has_body || answer->body.size == 0);
    if (size == 0) return 0;
    struct text text = text_in(room, size);
    text_add(&text, "HTTP/1.1 %u %s\r\n", answer->status, http_phrase(answer->status));
    if (answer->date_s != 0) {
        http_date_write(answer->date_s, date);
        text_add(&text, "Date: %s\r\n", date);
    }
    if (has_body && answer->type != NULL) text_add(&text, "Content-Type: %s\r\n", answer->type);
    if (has_body) text_add(&text, "Content-Length: %zu\r\n", answer->body.size);
    text_add(&text, "X-Content-Type-Options: nosniff\r\nConnection: close%s\r\n%s\r\n",
             answer->status == 426 ? ", Upgrade" : "",
             answer->headers == NULL ? "" : answer->headers);
    return text.cut ? 0 : text.used;
}
