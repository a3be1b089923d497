
/*
 * Changes workspaces at a steady rate: PUT .../ttl over 64 kept connections.
 *
 *     touch PORT TOKEN IDS RATE SECONDS
 *
 * Prints how many changes were acknowledged.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CONNECTIONS  64


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


int
main(int argc, char **argv)
{
    int                 i, n, busy[CONNECTIONS];
    long                sent, done, want;
    char                line[128], *ids[65536], buf[4096], body[64];
    FILE               *f;
    double              start, seconds, rate;
    size_t              nids;
    struct pollfd       fds[CONNECTIONS];
    struct sockaddr_in  sin;

    if (argc != 6 || (f = fopen(argv[3], "r")) == NULL) {
        fprintf(stderr, "usage: touch PORT TOKEN IDS RATE SECONDS\n");
        return 1;
    }

    for (nids = 0; nids < 65536 && fgets(line, sizeof(line), f); nids++) {
        line[strcspn(line, "\n")] = '\0';
        ids[nids] = strdup(line);
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(atoi(argv[1]));
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    for (i = 0; i < CONNECTIONS; i++) {
        fds[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        fds[i].events = POLLIN;
        busy[i] = 0;

        if (connect(fds[i].fd, (void *) &sin, sizeof(sin)) == -1) {
            perror("connect");
            return 1;
        }
    }

    rate = atof(argv[4]);
    seconds = atof(argv[5]);
    start = now();
    sent = 0;
    done = 0;

    while (now() < start + seconds) {
        want = (now() - start) * rate;

        for (i = 0; i < CONNECTIONS && sent < want; i++) {
            if (busy[i]) {
                continue;
            }

            n = snprintf(body, sizeof(body), "{\"ttl_ms\":%ld}",
                         60000 * (1 + sent % 1000));
            n = snprintf(buf, sizeof(buf),
                         "PUT /api/v2/workspaces/%s/ttl HTTP/1.1\r\n"
                         "Host: localhost\r\nCoder-Session-Token: %s\r\n"
                         "Content-Length: %d\r\n\r\n%s",
                         ids[sent * 7919 % nids], argv[2], n, body);

            if (send(fds[i].fd, buf, n, 0) != n) {
                return 1;
            }

            busy[i] = 1;
            sent++;
        }

        if (poll(fds, CONNECTIONS, 1) <= 0) {
            continue;
        }

        for (i = 0; i < CONNECTIONS; i++) {
            if (fds[i].revents == 0) {
                continue;
            }

            n = recv(fds[i].fd, buf, sizeof(buf), 0);

            if (n <= 0) {
                return 1;
            }

            /* an answer without a body comes in one piece */

            done += (strncmp(buf + 9, "204", 3) == 0);
            busy[i] = 0;
        }
    }

    printf("%ld\n", done);

    return 0;
}
