
/*
 * Files that operators hand over: read in full, within a bound, and parsed
 * strictly.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <fcntl.h>
#include "wsctl.h"


static int ws_file_open(ngx_str_t *path);
static int ws_file_read(int fd, const char *path, size_t max, char *buf,
    size_t *len);


int
ws_file_json(ngx_str_t *path, size_t max, json_t **v)
{
    int            fd, rc;
    char          *buf;
    size_t         len;
    json_error_t   error;

    fd = ws_file_open(path);
    if (fd == -1) {
        return ws_fail(WS_EXIT_FAILED, "%s: %s", path->data, strerror(errno));
    }

    len = 0;
    buf = malloc(max + 1);

    rc = buf ? ws_file_read(fd, (char *) path->data, max, buf, &len)
             : ws_no_memory();

    if (fd != STDIN_FILENO) {
        (void) close(fd);
    }

    if (rc == WS_EXIT_OK) {

        /* zero bytes and characters, and invalid UTF-8, are errors here */

        *v = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &error);

        if (*v == NULL) {
            rc = ws_fail(WS_EXIT_FAILED, "%s, line %d: %s", path->data,
                         error.line, error.text);
        }
    }

    free(buf);

    return rc;
}


static int
ws_file_open(ngx_str_t *path)
{
    if (path->len == 1 && path->data[0] == '-') {
        return STDIN_FILENO;
    }

    return open((char *) path->data, O_RDONLY|O_CLOEXEC);
}


static int
ws_file_read(int fd, const char *path, size_t max, char *buf, size_t *len)
{
    ssize_t  n;

    *len = 0;

    for ( ;; ) {

        /* one byte more than allowed tells a file that is too large */

        n = read(fd, buf + *len, max + 1 - *len);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            return ws_fail(WS_EXIT_FAILED, "%s: %s", path, strerror(errno));
        }

        if (n == 0) {
            return WS_EXIT_OK;
        }

        *len += n;

        if (*len > max) {
            return ws_fail(WS_EXIT_FAILED, "%s: larger than %lu bytes", path,
                           (unsigned long) max);
        }
    }
}
