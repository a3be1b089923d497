
/*
 * The limit for an event to many streams: no HTTP, no Redis, one send() of
 * the same bytes for each connection.
 *
 *     fan PORT SIZE
 *
 * answers whatever connects to 127.0.0.1:PORT with a header, and for each
 * line on its standard input sends an event of SIZE bytes to all.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>


#define CONNECTIONS  65536


static int
fan_listen(int port)
{
    int                 fd, one;
    struct rlimit       rl;
    struct sockaddr_in  sin;

    (void) getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &rl);

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    one = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(fd, (void *) &sin, sizeof(sin)) == -1 || listen(fd, 4096) == -1) {
        perror("listen");
        exit(1);
    }

    return fd;
}


/* a request is there when its connection is: the client is our own */

static int
fan_accept(int listening)
{
    int          fd, one;
    char         buf[4096];

    static char  header[] = "HTTP/1.1 200 OK\r\n"
                            "Content-Type: text/event-stream\r\n\r\n";

    one = 1;
    fd = accept(listening, NULL, NULL);

    if (fd == -1 || recv(fd, buf, sizeof(buf), 0) <= 0
        || send(fd, header, sizeof(header) - 1, 0) == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1)
    {
        perror("accept");
        exit(1);
    }

    return fd;
}


int
main(int argc, char **argv)
{
    int            i, n, *fds;
    char           line[64], *event;
    size_t         size;
    struct pollfd  in[2];

    if (argc != 3) {
        fprintf(stderr, "usage: fan PORT SIZE\n");
        return 2;
    }

    n = 0;
    fds = calloc(CONNECTIONS, sizeof(int));

    size = atoi(argv[2]);
    event = malloc(size + 32);
    memset(event, 'x', size + 32);
    memcpy(event, "data: ", 6);
    memcpy(event + size - 2, "\n\n", 2);

    in[0].fd = fan_listen(atoi(argv[1]));
    in[0].events = POLLIN;
    in[1].fd = STDIN_FILENO;
    in[1].events = POLLIN;

    for ( ;; ) {
        (void) poll(in, 2, -1);

        if (in[0].revents && n < CONNECTIONS) {
            fds[n++] = fan_accept(in[0].fd);
        }

        if (in[1].revents) {
            if (fgets(line, sizeof(line), stdin) == NULL) {
                return 0;
            }

            for (i = 0; i < n; i++) {
                (void) send(fds[i], event, size, MSG_NOSIGNAL);
            }
        }
    }
}
