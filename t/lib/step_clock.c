
/*
 * Loaded into nginx: its clock is a day ahead as soon as there is the file
 * that the environment variable STEP_CLOCK names at the start.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


typedef int (*clock_pt)(clockid_t, struct timespec *);


static char  step_clock_file[1024];


__attribute__((constructor))
static void
step_clock_init(void)
{
    char  *file;

    file = getenv("STEP_CLOCK");

    if (file) {
        (void) snprintf(step_clock_file, sizeof(step_clock_file), "%s", file);
    }
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int       rc;
    clock_pt  clock;

    clock = (clock_pt) dlsym(RTLD_NEXT, "clock_gettime");

    rc = clock(id, ts);

    if (rc == 0 && id == CLOCK_REALTIME && access(step_clock_file, F_OK) == 0)
    {
        ts->tv_sec += 86400;
    }

    return rc;
}


int
gettimeofday(struct timeval *tv, void *tz)
{
    int              rc;
    struct timespec  ts;

    (void) tz;

    rc = clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return rc;
}
