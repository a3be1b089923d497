/* links: src/redis/ws_redis_url.c tools/ngx/ws_ngx.c; -lcmocka */

/*
 * The address of Redis: every form of it, and what is said of bad ones.
 */


#include "core_text.h"
#include "ws_redis_url.h"
#include "ws_ngx.h"


#define HOST_253                                                              \
    "a23456789.b23456789.c23456789.d23456789.e23456789."                      \
    "a23456789.b23456789.c23456789.d23456789.e23456789."                      \
    "a23456789.b23456789.c23456789.d23456789.e23456789."                      \
    "a23456789.b23456789.c23456789.d23456789.e23456789."                      \
    "a23456789.b23456789.c23456789.d23456789.e23456789."                      \
    "com"

#define PATH_107                                                              \
    "/23456789/23456789/23456789/23456789/23456789"                           \
    "/23456789/23456789/23456789/23456789/23456789/redis-7/redis.so"


static ngx_pool_t  *pool;


static int
setup(void **state)
{
    pool = ngx_create_pool(1024, NULL);

    return pool == NULL;
}


static int
teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ngx_destroy_pool(pool);

    return 0;
}


static ngx_int_t
parse(const char *s, size_t len, ws_redis_url_t *url, const char **detail)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    *detail = NULL;

    /* the result must not point into the text, which is gone when this ends */

    text = core_text_n(s, len);
    rc = ws_redis_url_parse(pool, &text, url, detail);
    core_text_free(&text);

    return rc;
}


static void
assert_str(ngx_str_t *s, const char *expected)
{
    assert_int_equal(s->len, strlen(expected));

    if (s->len) {
        assert_string_equal((char *) s->data, expected);
    }
}


static void
test_forms(void **state)
{
    size_t           i;
    const char      *detail;
    ws_redis_url_t   url;

    static const struct {
        const char  *text;
        const char  *host;
        int          port;
        const char  *path;
        const char  *username;
        const char  *password;
        int          db;
        unsigned     tls;
    } table[] = {
        { "redis://localhost", "localhost", 6379, "", "", "", 0, 0 },
        { "redis://localhost/", "localhost", 6379, "", "", "", 0, 0 },
        { "redis://localhost/3", "localhost", 6379, "", "", "", 3, 0 },
        { "redis://localhost:7000", "localhost", 7000, "", "", "", 0, 0 },
        { "redis://localhost:7000/15", "localhost", 7000, "", "", "", 15, 0 },
        { "redis://h:1", "h", 1, "", "", "", 0, 0 },
        { "redis://h:65535/2147483647", "h", 65535, "", "", "", 2147483647,
          0 },
        { "redis://az-AZ.09_", "az-AZ.09_", 6379, "", "", "", 0, 0 },
        { "redis://10.0.0.1:6380", "10.0.0.1", 6380, "", "", "", 0, 0 },
        { "redis://Redis_1.my-net.example.", "Redis_1.my-net.example.", 6379,
          "", "", "", 0, 0 },
        { "redis://" HOST_253, HOST_253, 6379, "", "", "", 0, 0 },

        { "rediss://h", "h", 6379, "", "", "", 0, 1 },
        { "rediss://u:p@h:6380/1", "h", 6380, "", "u", "p", 1, 1 },
        { "REDIS://h", "h", 6379, "", "", "", 0, 0 },
        { "RedisS://h", "h", 6379, "", "", "", 0, 1 },

        { "redis://[::1]", "::1", 6379, "", "", "", 0, 0 },
        { "redis://[::1]/2", "::1", 6379, "", "", "", 2, 0 },
        { "redis://[2001:DB8::5]:7000/2", "2001:DB8::5", 7000, "", "", "", 2,
          0 },
        { "redis://u:p@[::ffff:10.0.0.1]:7000", "::ffff:10.0.0.1", 7000, "",
          "u", "p", 0, 0 },
        { "redis://[1111:2222:3333:4444:5555:6666:123.123.123.123]",
          "1111:2222:3333:4444:5555:6666:123.123.123.123", 6379, "", "", "",
          0, 0 },

        { "redis://user:secret@h", "h", 6379, "", "user", "secret", 0, 0 },
        { "redis://:secret@h", "h", 6379, "", "", "secret", 0, 0 },
        { "redis://:secret@h:7/8", "h", 7, "", "", "secret", 8, 0 },
        { "redis://u:a:b:c@h", "h", 6379, "", "u", "a:b:c", 0, 0 },
        { "redis://u:a@b@h", "h", 6379, "", "u", "a@b", 0, 0 },
        { "redis://u:[::1]@h", "h", 6379, "", "u", "[::1]", 0, 0 },
        { "redis://u:a+b?c#d@h", "h", 6379, "", "u", "a+b?c#d", 0, 0 },
        { "redis://us%65r:%40%3a%2F%2f%25%20@h", "h", 6379, "", "user",
          "@://% ", 0, 0 },
        { "redis://a%3Ab:%c3%A4@h", "h", 6379, "", "a:b", "\xc3\xa4", 0, 0 },

        { "unix:/run/redis.sock", "", 0, "/run/redis.sock", "", "", 0, 0 },
        { "unix:///run/redis.sock", "", 0, "/run/redis.sock", "", "", 0, 0 },
        { "UNIX:/run/redis.sock", "", 0, "/run/redis.sock", "", "", 0, 0 },
        { "unix:/r?db=3", "", 0, "/r", "", "", 3, 0 },
        { "unix:///r?db=0", "", 0, "/r", "", "", 0, 0 },
        { "unix://u:p@/r", "", 0, "/r", "u", "p", 0, 0 },
        { "unix://:p%2F@/r/s?db=12", "", 0, "/r/s", "", "p/", 12, 0 },
        { "unix:/a@b:c%20d", "", 0, "/a@b:c%20d", "", "", 0, 0 },
        { "unix:///a:b@c", "", 0, "/a:b@c", "", "", 0, 0 },
        { "unix:" PATH_107, "", 0, PATH_107, "", "", 0, 0 }
    };

    assert_int_equal(strlen(HOST_253), 253);
    assert_int_equal(strlen(PATH_107), 107);

    for (i = 0; i < core_items(table); i++) {

        if (parse(table[i].text, strlen(table[i].text), &url, &detail)
            != NGX_OK)
        {
            fail_msg("\"%s\": expected %s", table[i].text, detail);
        }

        assert_int_equal(url.kind, WS_REDIS_ONE);
        assert_int_equal(url.nhosts, table[i].port ? 1 : 0);
        assert_str(&url.hosts[0].name, table[i].host);
        assert_int_equal(url.hosts[0].port, table[i].port);
        assert_str(&url.path, table[i].path);
        assert_str(&url.username, table[i].username);
        assert_str(&url.password, table[i].password);
        assert_int_equal(url.db, table[i].db);
        assert_int_equal(url.tls, table[i].tls);
    }
}


static void
test_several_hosts(void **state)
{
    size_t           i;
    ngx_uint_t       n;
    const char      *detail;
    ws_redis_url_t   url;

    static const struct {
        const char       *text;
        ws_redis_kind_e   kind;
        const char       *hosts[4];
        int               ports[4];
        const char       *service;
        const char       *username;
        const char       *password;
        int               db;
        unsigned          tls;
    } table[] = {
        { "sentinel://h/db", WS_REDIS_SENTINEL,
          { "h" }, { 26379 }, "db", "", "", 0, 0 },
        { "sentinel://a,b:7,c/Db-1.x_y", WS_REDIS_SENTINEL,
          { "a", "b", "c" }, { 26379, 7, 26379 }, "Db-1.x_y", "", "", 0, 0 },
        { "sentinel://u:p,q@a,b/db?db=3", WS_REDIS_SENTINEL,
          { "a", "b" }, { 26379, 26379 }, "db", "u", "p,q", 3, 0 },
        { "sentinels://[::1]:1,10.0.0.1:2/db", WS_REDIS_SENTINEL,
          { "::1", "10.0.0.1" }, { 1, 2 }, "db", "", "", 0, 1 },
        { "sentinel://a/" HOST_253, WS_REDIS_SENTINEL,
          { "a" }, { 26379 }, HOST_253, "", "", 0, 0 },

        { "cluster://h", WS_REDIS_CLUSTER,
          { "h" }, { 6379 }, "", "", "", 0, 0 },
        { "cluster://h/", WS_REDIS_CLUSTER,
          { "h" }, { 6379 }, "", "", "", 0, 0 },
        { "Cluster://h/0", WS_REDIS_CLUSTER,
          { "h" }, { 6379 }, "", "", "", 0, 0 },
        { "cluster://a,[::1],c:7002,d", WS_REDIS_CLUSTER,
          { "a", "::1", "c", "d" }, { 6379, 6379, 7002, 6379 }, "", "", "",
          0, 0 },
        { "clusters://:p@a:1,b:2", WS_REDIS_CLUSTER,
          { "a", "b" }, { 1, 2 }, "", "", "p", 0, 1 },
    };

    for (i = 0; i < core_items(table); i++) {

        if (parse(table[i].text, strlen(table[i].text), &url, &detail)
            != NGX_OK)
        {
            fail_msg("\"%s\": expected %s", table[i].text, detail);
        }

        assert_int_equal(url.kind, table[i].kind);

        for (n = 0; n < url.nhosts; n++) {
            assert_str(&url.hosts[n].name, table[i].hosts[n]);
            assert_int_equal(url.hosts[n].port, table[i].ports[n]);
        }

        assert_true(n == 4 || table[i].hosts[n] == NULL);

        assert_str(&url.service, table[i].service);
        assert_str(&url.username, table[i].username);
        assert_str(&url.password, table[i].password);
        assert_str(&url.path, "");
        assert_int_equal(url.db, table[i].db);
        assert_int_equal(url.tls, table[i].tls);
    }

    assert_int_equal(parse(core_bytes("cluster://1,2,3,4,5,6,7,8,9,10,11,12,"
                                      "13,14,15,16"), &url, &detail), NGX_OK);
    assert_int_equal(url.nhosts, WS_REDIS_HOSTS_MAX);
}


static void
test_password_of_any_bytes(void **state)
{
    const char      *detail;
    ws_redis_url_t   url;

    assert_int_equal(parse(core_bytes("redis://:a%00b%FF@h"), &url, &detail),
                     NGX_OK);

    assert_int_equal(url.password.len, 4);
    assert_memory_equal(url.password.data, "a\0b\xff", 5);
}


#define SPACES    "no spaces and no control characters"
#define SCHEME                                                                \
    "\"redis://\", \"rediss://\", \"unix:\", \"sentinel://\", "               \
    "\"sentinels://\", \"cluster://\" or \"clusters://\" at the beginning"
#define SLASH     "\"/\" written as \"%2F\" in user and password"
#define USERINFO  "\"user:password\" or \":password\" before \"@\""
#define PERCENT   "two hexadecimal digits after \"%\" in user and password"
#define HOST      "a host, at most 253 bytes"
#define HOST_CHAR                                                             \
    "a host of letters, digits, \"-\", \".\" and \"_\", "                     \
    "or \"[address]\" for IPv6"
#define BRACKET   "\"]\" after an IPv6 address"
#define AFTER_V6  "\":port\" or \"/db\" after \"]\""
#define IPV6      "an IPv6 address between \"[\" and \"]\""
#define PORT      "a port from 1 to 65535 after the host"
#define DB        "the number of a database, from 0"
#define ABSOLUTE  "an absolute path: \"unix:/path\" or \"unix:///path\""
#define SOCKET    "the absolute path of a unix socket, at most 107 bytes"
#define HOSTS     "at most 16 hosts"
#define NAME                                                                  \
    "\"/name\" after the hosts: what Sentinel calls the Redis, of "           \
    "letters, digits, \"-\", \".\" and \"_\""
#define ONLY_0    "no database but 0: a cluster has no other"
#define QUERY     "nothing but \"db=N\" after \"?\""


static void
test_declines(void **state)
{
    size_t           i;
    const char      *detail;
    ws_redis_url_t   url;

    static const struct {
        const char  *text;
        size_t       len;
        const char  *detail;
    } table[] = {
        { core_bytes(" redis://h"), SPACES },
        { core_bytes("redis://h "), SPACES },
        { core_bytes("redis://h\n"), SPACES },
        { core_bytes("redis://h\0"), SPACES },
        { core_bytes("redis://h\x7f"), SPACES },
        { core_bytes("redis://:a b@h"), SPACES },

        { core_bytes(""), SCHEME },
        { core_bytes("localhost"), SCHEME },
        { core_bytes("localhost:6379"), SCHEME },
        { core_bytes("redis:localhost"), SCHEME },
        { core_bytes("redis:/localhost"), SCHEME },
        { core_bytes("redis:/"), SCHEME },
        { core_bytes("unix"), SCHEME },
        { core_bytes("/run/redis.sock"), SCHEME },
        { core_bytes("http://h"), SCHEME },
        { core_bytes("redisss://h"), SCHEME },

        { core_bytes("redis://u:a/b@h"), SLASH },
        { core_bytes("redis://:a/b@h/3"), SLASH },

        { core_bytes("redis://@h"), USERINFO },
        { core_bytes("redis://u@h"), USERINFO },
        { core_bytes("redis://u:@h"), USERINFO },
        { core_bytes("redis://:@h"), USERINFO },
        { core_bytes("unix://u@/r"), USERINFO },

        { core_bytes("redis://:%@h"), PERCENT },
        { core_bytes("redis://:%4@h"), PERCENT },
        { core_bytes("redis://:%4g@h"), PERCENT },
        { core_bytes("redis://%zz:p@h"), PERCENT },
        { core_bytes("unix://:100%@/r"), PERCENT },

        { core_bytes("redis://"), HOST },
        { core_bytes("redis:///3"), HOST },
        { core_bytes("redis://:6379"), HOST },
        { core_bytes("redis://:p@"), HOST },
        { core_bytes("redis://:p@:6379"), HOST },
        { core_bytes("redis://" HOST_253 "m"), HOST },

        { core_bytes("redis://a,b"), HOST_CHAR },
        { core_bytes("redis://,a"), HOST_CHAR },
        { core_bytes("redis://a{"), HOST_CHAR },
        { core_bytes("redis://a`"), HOST_CHAR },
        { core_bytes("redis://h?db=3"), HOST_CHAR },
        { core_bytes("redis://h#3"), HOST_CHAR },
        { core_bytes("redis://h%41"), HOST_CHAR },
        { core_bytes("redis://\xc3\xa4"), HOST_CHAR },
        { core_bytes("redis://a[::1]"), HOST_CHAR },

        { core_bytes("redis://["), BRACKET },
        { core_bytes("redis://[::1"), BRACKET },
        { core_bytes("redis://[::1/3"), BRACKET },
        { core_bytes("redis://[::1]6379"), AFTER_V6 },
        { core_bytes("redis://[]"), IPV6 },
        { core_bytes("redis://[::g]"), IPV6 },
        { core_bytes("redis://[10.0.0.1]"), IPV6 },
        { core_bytes("redis://[localhost]"), IPV6 },
        { core_bytes("redis://[fe80::1%25eth0]"), IPV6 },
        { core_bytes("redis://[1111:2222:3333:4444:5555:6666:123.123.123."
                     "1234]"), IPV6 },
        { core_bytes("redis://[1111:2222:3333:4444:5555:6666:7777:8888:9999:"
                     "aaaa:bbbb:cccc]"), IPV6 },

        { core_bytes("redis://h:"), PORT },
        { core_bytes("redis://h:/3"), PORT },
        { core_bytes("redis://h:0"), PORT },
        { core_bytes("redis://h:65536"), PORT },
        { core_bytes("redis://h:-1"), PORT },
        { core_bytes("redis://h:x"), PORT },
        { core_bytes("redis://h:1:2"), PORT },
        { core_bytes("redis://::1"), HOST },
        { core_bytes("redis://fe80::1"), PORT },
        { core_bytes("redis://[::1]:"), PORT },
        { core_bytes("redis://[::1]:x"), PORT },
        { core_bytes("redis://h:99999999999999999999"), PORT },

        { core_bytes("redis://h/x"), DB },
        { core_bytes("redis://h/-1"), DB },
        { core_bytes("redis://h/3/"), DB },
        { core_bytes("redis://h//3"), DB },
        { core_bytes("redis://h/3?x"), DB },
        { core_bytes("redis://h/2147483648"), DB },
        { core_bytes("redis://h/99999999999999999999"), DB },
        { core_bytes("unix:/r?db="), DB },
        { core_bytes("unix:/r?db=x"), DB },
        { core_bytes("unix:/r?db=1&db=2"), DB },

        { core_bytes("unix://host/r"), ABSOLUTE },
        { core_bytes("unix://r"), ABSOLUTE },
        { core_bytes("unix://:p@host/r"), ABSOLUTE },

        { core_bytes("unix:"), SOCKET },
        { core_bytes("unix:/"), SOCKET },
        { core_bytes("unix://"), SOCKET },
        { core_bytes("unix:///"), SOCKET },
        { core_bytes("unix://:p@"), SOCKET },
        { core_bytes("unix:r.sock"), SOCKET },
        { core_bytes("unix:r//run/redis.sock"), SOCKET },
        { core_bytes("unix:?db=3"), SOCKET },
        { core_bytes("unix:" PATH_107 "c"), SOCKET },

        { core_bytes("unix:/r?"), QUERY },
        { core_bytes("unix:/r?d"), QUERY },
        { core_bytes("unix:/r?db"), QUERY },
        { core_bytes("unix:/r?DB=3"), QUERY },
        { core_bytes("unix:/r?x=3"), QUERY },

        { core_bytes("sentinel://"), HOST },
        { core_bytes("sentinel:///db"), HOST },
        { core_bytes("sentinel://a,/db"), HOST },
        { core_bytes("sentinel://,a/db"), HOST },
        { core_bytes("sentinel://a,,b/db"), HOST },
        { core_bytes("sentinel://a:x,b/db"), PORT },
        { core_bytes("sentinel://u@a,b/db"), USERINFO },
        { core_bytes("sentinel://u:a/b@h/db"), SLASH },
        { core_bytes("sentinel://a"), NAME },
        { core_bytes("sentinel://a/"), NAME },
        { core_bytes("sentinel://a/?db=1"), NAME },
        { core_bytes("sentinel://a/x y"), SPACES },
        { core_bytes("sentinel://a/x/1"), NAME },
        { core_bytes("sentinel://a/x%41"), NAME },
        { core_bytes("sentinel://a/" HOST_253 "m"), NAME },
        { core_bytes("sentinel://a/x?db=-1"), DB },
        { core_bytes("sentinel://a/x?d=1"), QUERY },
        { core_bytes("sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"
                     "/db"), HOSTS },

        { core_bytes("cluster://"), HOST },
        { core_bytes("cluster://a,"), HOST },
        { core_bytes("cluster://a;b"), HOST_CHAR },
        { core_bytes("cluster://a/1"), ONLY_0 },
        { core_bytes("cluster://a/x"), DB },
        { core_bytes("cluster://a?db=0"), HOST_CHAR }
    };

    for (i = 0; i < core_items(table); i++) {

        if (parse(table[i].text, table[i].len, &url, &detail)
            != NGX_DECLINED)
        {
            fail_msg("\"%s\" is not declined", table[i].text);
        }

        if (strcmp(detail, table[i].detail) != 0) {
            fail_msg("\"%s\": expected %s, not: %s", table[i].text, detail,
                     table[i].detail);
        }
    }
}


static void
test_no_memory(void **state)
{
    size_t           i;
    ngx_int_t        rc, n;
    const char      *detail;
    ws_redis_url_t   url;

    static const char  *texts[] = {
        "redis://user:password@host:1/2",
        "redis://:password@[::1]",
        "unix://user:password@/run/redis.sock?db=3"
    };

    for (i = 0; i < core_items(texts); i++) {

        for (n = 0; n < 10; n++) {
            ws_ngx_fail_after(n);
            rc = parse(texts[i], strlen(texts[i]), &url, &detail);
            ws_ngx_fail_after(-1);

            if (rc == NGX_OK) {
                break;
            }

            assert_int_equal(rc, NGX_ERROR);
        }

        /* three strings, three allocations */

        assert_int_equal(n, 3);
    }
}


int
main(void)
{
    size_t  i;

    struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_password_of_any_bytes),
        cmocka_unit_test(test_declines),
        cmocka_unit_test(test_no_memory)
    };

    for (i = 0; i < core_items(tests); i++) {
        tests[i].setup_func = setup;
        tests[i].teardown_func = teardown;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
