
/*
 * Loaded into nginx, a name with two addresses: "two.test".
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <netdb.h>
#include <string.h>


typedef int (*lookup_pt)(const char *, const char *, const struct addrinfo *,
    struct addrinfo **);


int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
    int        rc;
    lookup_pt  lookup;

    lookup = (lookup_pt) dlsym(RTLD_NEXT, "getaddrinfo");

    if (node == NULL || strcmp(node, "two.test") != 0) {
        return lookup(node, service, hints, res);
    }

    rc = lookup("127.0.0.1", service, hints, res);

    return rc ? rc : lookup("127.0.0.2", service, hints, &(*res)->ai_next);
}
