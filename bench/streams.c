
/*
 * Holds many streams of server-sent events open and measures when events
 * arrive.
 *
 *     streams PORT COUNT PATHS [HEADER]
 *
 * opens COUNT streams to 127.0.0.1:PORT, over the paths in the file PATHS in
 * turn (a line each), with an additional header field; says READY when each
 * has got its header, and then takes commands, a line each:
 *
 *     mark            begin: note the time
 *     wait            until every stream has got an event since the mark;
 *                     prints median and last, milliseconds since the mark
 *     latency N       for N seconds: the age of each event by the time in
 *                     its "updated_at"; prints count, median, 99th
 *                     percentile and the largest, milliseconds
 *     quit
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define HEAD      640               /* of an event: enough for updated_at */
#define ARRIVALS  (4 * 1024 * 1024)


typedef struct {
    int      fd;
    int      header;                /* has been read */
    int      newlines;              /* at the end of what was read */
    int      got;                   /* an event since the mark */
    size_t   len;
    char     head[HEAD];
} stream_t;


static stream_t  *streams;
static int        count, ready, got, epoll;
static double     mark, *arrivals;
static size_t     narrivals;
static int        measuring;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    return ts.tv_sec * 1000.0 + ts.tv_nsec / 1e6;
}


static void
die(const char *what)
{
    perror(what);
    exit(1);
}


static void
arrived(double ms)
{
    if (narrivals < ARRIVALS) {
        arrivals[narrivals++] = ms;
    }
}


/* the age of an event by its "updated_at" */

static void
age(stream_t *s)
{
    int         ms;
    char       *p;
    struct tm   tm;

    s->head[s->len < HEAD ? s->len : HEAD - 1] = '\0';

    p = strstr(s->head, "\"updated_at\":\"");
    if (p == NULL) {
        return;
    }

    memset(&tm, 0, sizeof(tm));

    p = strptime(p + 14, "%Y-%m-%dT%H:%M:%S", &tm);

    if (p == NULL || sscanf(p, ".%3dZ", &ms) != 1) {
        return;
    }

    arrived(now() - (timegm(&tm) * 1000.0 + ms));
}


static void
event(stream_t *s)
{
    size_t  len;

    len = s->len < HEAD ? s->len : HEAD;

    if (memmem(s->head, len, "data: ", 6) == NULL
        || memmem(s->head, len, "event: ping", 11))
    {
        return;
    }

    if (measuring) {
        age(s);
        return;
    }

    if (mark && !s->got) {
        s->got = 1;
        got++;
        arrived(now() - mark);
    }
}


static void
keep(stream_t *s, const char *p, size_t n)
{
    if (s->len < HEAD) {
        memcpy(s->head + s->len, p, n < HEAD - s->len ? n : HEAD - s->len);
    }

    s->len += n;
}


/* an empty line ends the header first, then each event */

static void
feed(stream_t *s, const char *p, size_t n)
{
    size_t       len;
    const char  *end, *nl;

    end = p + n;

    while (p < end) {
        nl = memchr(p, '\n', end - p);
        len = (nl ? nl : end) - p;

        if (len > 1 || (len == 1 && *p != '\r')) {
            s->newlines = 0;
        }

        keep(s, p, len);

        if (nl == NULL) {
            return;
        }

        p = nl + 1;

        if (++s->newlines < 2) {
            keep(s, "\n", 1);
            continue;
        }

        if (s->header) {
            event(s);

        } else {
            s->header = 1;
            ready++;
        }

        s->len = 0;
    }
}


static void
turn(int timeout)
{
    int                 i, n;
    ssize_t             size;
    stream_t           *s;
    static char         buf[256 * 1024];
    struct epoll_event  events[512];

    n = epoll_wait(epoll, events, 512, timeout);

    for (i = 0; i < n; i++) {
        s = events[i].data.ptr;
        size = recv(s->fd, buf, sizeof(buf), 0);

        if (size > 0) {
            feed(s, buf, size);

        } else if (size == 0 || errno != EAGAIN) {
            fprintf(stderr, "a stream was closed\n");
            exit(1);
        }
    }
}


static void
open_stream(stream_t *s, int port, const char *path, const char *header)
{
    int                 one, n;
    char                request[4096];
    struct sockaddr_in  sin;
    struct epoll_event  ev;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    s->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (s->fd == -1 || connect(s->fd, (void *) &sin, sizeof(sin)) == -1) {
        die("connect");
    }

    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                 "Accept: text/event-stream\r\n%s%s\r\n",
                 path, header ? header : "", header ? "\r\n" : "");

    if (send(s->fd, request, n, 0) != n) {
        die("send");
    }

    one = 1;
    (void) setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void) fcntl(s->fd, F_SETFL, O_NONBLOCK);

    ev.events = EPOLLIN;
    ev.data.ptr = s;

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &ev) == -1) {
        die("epoll_ctl");
    }
}


static int
compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static double
percentile(double p)
{
    if (narrivals == 0) {
        return -1;
    }

    return arrivals[(size_t) (p * (narrivals - 1))];
}


static void
command(char *line)
{
    int     i;
    double  end;

    if (strncmp(line, "mark", 4) == 0) {
        for (i = 0; i < count; i++) {
            streams[i].got = 0;
        }

        got = 0;
        narrivals = 0;
        mark = now();
        printf("MARKED\n");

    } else if (strncmp(line, "wait", 4) == 0) {
        end = now() + 60000;

        while (got < count && now() < end) {
            turn(100);
        }

        qsort(arrivals, narrivals, sizeof(double), compare);
        printf("%d %.1f %.1f\n", got, percentile(0.5), percentile(1));

    } else if (strncmp(line, "latency", 7) == 0) {
        end = now() + 1000.0 * atoi(line + 7);
        narrivals = 0;
        measuring = 1;

        while (now() < end) {
            turn(50);
        }

        measuring = 0;
        qsort(arrivals, narrivals, sizeof(double), compare);
        printf("%zu %.1f %.1f %.1f\n", narrivals, percentile(0.5),
               percentile(0.99), percentile(1));

    } else if (strncmp(line, "quit", 4) == 0) {
        exit(0);
    }

    fflush(stdout);
}


int
main(int argc, char **argv)
{
    int             i, npaths;
    char            line[1024], *paths[65536];
    FILE           *f;
    struct pollfd   in;
    struct rlimit   rl;

    if (argc < 4) {
        fprintf(stderr, "usage: streams PORT COUNT PATHS [HEADER]\n");
        return 2;
    }

    (void) getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &rl);

    count = atoi(argv[2]);
    streams = calloc(count, sizeof(stream_t));
    arrivals = malloc(ARRIVALS * sizeof(double));
    epoll = epoll_create1(0);

    f = fopen(argv[3], "r");
    if (f == NULL) {
        die(argv[3]);
    }

    for (npaths = 0;
         npaths < 65536 && fgets(line, sizeof(line), f);
         npaths++)
    {
        line[strcspn(line, "\n")] = '\0';
        paths[npaths] = strdup(line);
    }

    for (i = 0; i < count; i++) {
        open_stream(&streams[i], atoi(argv[1]), paths[i % npaths],
                    argc > 4 ? argv[4] : NULL);

        /* not more than the listening queue holds */

        while (ready < i - 200) {
            turn(100);
        }
    }

    while (ready < count) {
        turn(100);
    }

    printf("READY\n");
    fflush(stdout);

    in.fd = STDIN_FILENO;
    in.events = POLLIN;

    for ( ;; ) {
        if (poll(&in, 1, 0) == 1) {
            if (fgets(line, sizeof(line), stdin) == NULL) {
                return 0;
            }

            command(line);
        }

        turn(20);
    }
}
