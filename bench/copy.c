
/*
 * The limit for a full listing: reads all workspaces of a Redis by pipelined
 * HMGET, and throws them away. Prints milliseconds.
 *
 *     copy SOCKET
 */


#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define WINDOW  256


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000.0 + ts.tv_nsec / 1e6;
}


int
main(int argc, char **argv)
{
    size_t          sent, done;
    double          start;
    redisReply     *ids, *reply;
    redisContext   *c;

    if (argc != 2 || (c = redisConnectUnix(argv[1])) == NULL || c->err) {
        fprintf(stderr, "usage: copy SOCKET\n");
        return 1;
    }

    start = now();

    ids = redisCommand(c, "ZRANGE ws:{0}:live:all 0 -1");
    if (ids == NULL || ids->type != REDIS_REPLY_ARRAY) {
        return 1;
    }

    for (sent = 0, done = 0; done < ids->elements; done++) {

        for ( ; sent < ids->elements && sent < done + WINDOW; sent++) {
            redisAppendCommand(c, "HMGET ws:{0}:w:%s v m d",
                               ids->element[sent]->str
                               + ids->element[sent]->len - 36);
        }

        if (redisGetReply(c, (void **) &reply) != REDIS_OK) {
            return 1;
        }

        freeReplyObject(reply);
    }

    printf("%.2f\n", now() - start);

    return 0;
}
