/* links: src/store/ws_list_merge.c tools/ngx/ws_ngx.c; -lcmocka */

/*
 * Reading sorted sets as one, while they change: the sets are simulated, and
 * so is Redis, which answers a request some time after it was made.
 */


#include "core_text.h"
#include "ws_list_merge.h"
#include "ws_ngx.h"

#include <stdio.h>


#define SETS    5
#define ITEMS   600
#define FLYING  64


typedef struct {
    int64_t            score;
    char               member[WS_LIST_MEMBER_MAX + 1];
    ngx_uint_t         id;
    ngx_uint_t         touched;     /* since the reading began */
    ngx_uint_t         seen;
} thing_t;


typedef struct {
    thing_t           *things[ITEMS];
    ngx_uint_t         n;
} zset_t;


typedef struct {
    ngx_pool_t        *pool;
    ws_list_term_t     term;
    ws_list_merge_t    merge;
    zset_t             sets[SETS];
    thing_t            things[ITEMS];
    ngx_uint_t         nthings;
    ws_list_range_t    flying[FLYING];
    ngx_uint_t         nflying;
    int64_t            clock;
} world_t;


static world_t  world;


static int
thing_cmp(const void *a, const void *b)
{
    const thing_t  *x = *(thing_t *const *) a, *y = *(thing_t *const *) b;

    if (x->score != y->score) {
        return x->score < y->score ? -1 : 1;
    }

    return strcmp(x->member, y->member);
}


static void
world_sort(zset_t *z)
{
    qsort(z->things, z->n, sizeof(thing_t *), thing_cmp);
}


static thing_t *
world_add(ngx_uint_t set, int64_t score, const char *name)
{
    thing_t     *t;
    ngx_uint_t   id;

    id = world.nthings++;
    t = &world.things[id];

    t->id = id;
    t->score = score;
    t->touched = 0;
    t->seen = 0;

    snprintf(t->member, sizeof(t->member),
             "%s %08x-0000-4000-8000-000000000000", name, (unsigned) id);

    world.sets[set].things[world.sets[set].n++] = t;
    world_sort(&world.sets[set]);

    return t;
}


static void
world_begin(ngx_uint_t nsets, ngx_uint_t batch, ngx_uint_t batches)
{
    ngx_uint_t      i;
    ws_list_set_t  *set;

    assert_int_equal(ngx_array_init(&world.term.sets, world.pool, nsets,
                                    sizeof(ws_list_set_t)),
                     NGX_OK);

    for (i = 0; i < nsets; i++) {
        set = ngx_array_push(&world.term.sets);
        memset(set, 0, sizeof(ws_list_set_t));
        set->shard = i;
    }

    assert_int_equal(ws_list_merge_init(&world.merge, world.pool,
                                        &world.term, batch, batches),
                     NGX_OK);
}


static void
world_ask(ngx_uint_t flights)
{
    ngx_uint_t  i;

    for (i = 0; i < world.merge.nsources; i++) {
        while (world.nflying < FLYING
               && ws_list_source_ask(&world.merge, &world.merge.sources[i],
                                     flights, &world.flying[world.nflying])
                  == NGX_OK)
        {
            world.nflying++;
        }
    }
}


/* what Redis says at this moment */

static ngx_int_t
world_answer(ws_list_range_t *range)
{
    char         scores[ITEMS][32];
    zset_t      *z;
    ngx_int_t    rc;
    ngx_uint_t   i, n;
    ws_reply_t   reply, *elts;

    z = &world.sets[range->source->set->shard];

    elts = calloc(2 * range->n, sizeof(ws_reply_t));
    n = 0;

    for (i = range->start; i < z->n && i - range->start < range->n; i++) {
        elts[n].type = WS_REPLY_STRING;
        elts[n].str.data = (u_char *) z->things[i]->member;
        elts[n++].str.len = strlen(z->things[i]->member);

        elts[n].type = WS_REPLY_STRING;
        elts[n].str.data = (u_char *) scores[i];
        elts[n++].str.len = snprintf(scores[i], sizeof(scores[i]), "%lld",
                                     (long long) z->things[i]->score);
    }

    memset(&reply, 0, sizeof(reply));
    reply.type = WS_REPLY_ARRAY;
    reply.n = n;
    reply.elts = elts;

    rc = ws_list_source_feed(&world.merge, range, &reply);

    free(elts);

    return rc;
}


static thing_t *
world_find(ws_list_item_t *item)
{
    unsigned  id;
    char      text[WS_LIST_MEMBER_MAX + 1];

    memcpy(text, item->member, item->len);
    text[item->len] = '\0';

    assert_int_equal(sscanf(strchr(text, ' '), " %x-", &id), 1);

    return &world.things[id];
}


/* something happens: used, deleted, created */

static void
world_change(ngx_uint_t set)
{
    zset_t      *z;
    thing_t     *t;
    ngx_uint_t   i;

    z = &world.sets[set];

    switch (core_random() % 4) {

    case 0:
    case 1:
        if (z->n) {
            t = z->things[core_random() % z->n];
            t->score = --world.clock;
            t->touched++;
            world_sort(z);
        }

        return;

    case 2:
        if (z->n) {
            i = core_random() % z->n;
            z->things[i]->touched++;
            z->things[i] = z->things[--z->n];
            world_sort(z);
        }

        return;

    default:
        if (world.nthings < ITEMS) {
            world_add(set, --world.clock, "new")->touched++;
        }
    }
}


static void
world_end(void)
{
    world.term.overlap = 0;
    ngx_destroy_pool(world.pool);
}


static void
world_create(ngx_uint_t nsets, ngx_uint_t n, ngx_uint_t ties)
{
    char        name[16];
    ngx_uint_t  i;

    memset(&world, 0, sizeof(world));

    world.pool = ngx_create_pool(4096, NULL);
    world.clock = -1700000000000;

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "ws-%u", (unsigned) (core_random() % 9));
        world_add(core_random() % nsets,
                  world.clock + core_random() % (n / ties + 1), name);
    }
}


/*
 * Reads everything while "changes" things happen, between any two answers on
 * average.  What stays as it is must come out once, in order.
 */

static void
world_read(ngx_uint_t nsets, ngx_uint_t n, ngx_uint_t ties, ngx_uint_t batch,
    ngx_uint_t flights, ngx_uint_t changes)
{
    ngx_int_t         rc;
    ngx_uint_t        i, k, came, answers;
    ws_list_item_t   *item, last;
    ws_list_range_t   range;

    world_create(nsets, n, ties);
    world_begin(nsets, batch, flights);

    came = 0;
    answers = 0;
    memset(&last, 0, sizeof(last));

    for ( ;; ) {

        rc = ws_list_merge_next(&world.merge, &item);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK) {
            if (came++) {
                assert_true(last.score < item->score
                            || (last.score == item->score
                                && memcmp(last.member, item->member,
                                          ngx_min(last.len, item->len))
                                   < 0));
            }

            last = *item;
            world_find(item)->seen++;
            continue;
        }

        world_ask(flights);
        assert_true(world.nflying > 0);
        assert_true(answers++ < 10000);

        /* of one set in their order, of all sets in any */

        i = core_random() % world.nflying;

        for (k = 0; k < i; k++) {
            if (world.flying[k].source == world.flying[i].source) {
                i = k;
            }
        }

        range = world.flying[i];
        memmove(&world.flying[i], &world.flying[i + 1],
                (--world.nflying - i) * sizeof(range));

        assert_int_not_equal(world_answer(&range), NGX_ERROR);

        for (k = core_random() % (2 * changes + 1); k; k--) {
            world_change(core_random() % nsets);
        }
    }

    for (i = 0; i < n; i++) {
        if (world.things[i].touched == 0) {
            assert_int_equal(world.things[i].seen, 1);
        }

        /* one that is used moves forward, behind the reader's back */

        assert_true(world.things[i].seen <= 1);
    }

    if (changes == 0) {
        assert_int_equal(came, n);
    }

    world_end();
}


static void
test_still(void **state)
{
    world_read(1, 0, 1, 16, 1, 0);
    world_read(1, 1, 1, 16, 1, 0);
    world_read(1, 16, 1, 16, 1, 0);
    world_read(1, 17, 1, 16, 1, 0);
    world_read(1, 500, 1, 16, 2, 0);
    world_read(5, 500, 1, 16, 2, 0);
    world_read(5, 3, 1, 64, 1, 0);
}


/* many with one score: the order is that of their bytes */

static void
test_ties(void **state)
{
    world_read(1, 300, 300, 16, 2, 0);
    world_read(3, 300, 50, 16, 2, 0);
}


static void
test_moving(void **state)
{
    int  i;

    for (i = 0; i < 150; i++) {
        world_read(1, 200, 1, 16, 1 + i % 2, 1 + i % 7);
        world_read(3, 200, 20, 16, 1 + i % 2, 1 + i % 7);
    }
}


/* much more happens than an overlap can bear: it is read again */

static void
test_torn(void **state)
{
    int  i;

    for (i = 0; i < 50; i++) {
        world_read(2, 300, 5, 16, 2, 40);
    }
}


/* an item of two sets, as of an organization and of an owner, comes once */

static void
test_overlap(void **state)
{
    ngx_int_t        rc;
    ngx_uint_t       i, came;
    thing_t         *t;
    ws_list_item_t  *item;

    world_create(1, 100, 4);
    world.term.overlap = 1;

    for (i = 0; i < 100; i += 3) {
        t = world.sets[0].things[i];
        world.sets[1].things[world.sets[1].n++] = t;
    }

    t = world_add(1, world.clock - 1, "else");
    world_begin(2, 16, 2);

    for (came = 0; /* void */ ; /* void */ ) {

        rc = ws_list_merge_next(&world.merge, &item);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK) {
            assert_int_equal(world_find(item)->seen++, 0);
            came++;
            continue;
        }

        world_ask(1);
        assert_int_equal(world_answer(&world.flying[0]), NGX_OK);
        memmove(&world.flying[0], &world.flying[1],
                --world.nflying * sizeof(world.flying[0]));
    }

    assert_int_equal(came, 101);
    assert_int_equal(t->seen, 1);
    world_end();
}


static void
test_rewind(void **state)
{
    ws_list_item_t   *item;
    ws_list_range_t   late;

    world_create(1, 100, 1);
    world_begin(1, 16, 2);

    world_ask(2);
    assert_int_equal(world.nflying, 2);
    assert_int_equal(world_answer(&world.flying[0]), NGX_OK);
    late = world.flying[1];

    ws_list_merge_rewind(&world.merge, 40);
    world.nflying = 0;

    /* an answer to what was asked before is of no use */

    assert_int_equal(world_answer(&late), NGX_DECLINED);
    assert_int_equal(ws_list_merge_next(&world.merge, &item), NGX_AGAIN);
    assert_true(ws_list_merge_atomic(&world.merge));

    world_ask(1);
    assert_int_equal(world.flying[0].start, 40);
    assert_int_equal(world_answer(&world.flying[0]), NGX_OK);
    assert_int_equal(ws_list_merge_next(&world.merge, &item), NGX_OK);
    assert_ptr_equal(world_find(item), world.sets[0].things[40]);
    assert_true(ws_list_merge_atomic(&world.merge));

    world.nflying = 0;
    world_ask(1);
    assert_int_equal(world_answer(&world.flying[0]), NGX_OK);
    assert_false(ws_list_merge_atomic(&world.merge));

    world_end();
}


static ngx_int_t
feed(const char *member, const char *score, ngx_uint_t n)
{
    ngx_int_t        rc;
    ws_reply_t       reply, elts[2];
    ws_list_range_t  range;

    world_create(1, 0, 1);
    world_begin(1, 16, 1);

    assert_int_equal(ws_list_source_ask(&world.merge, world.merge.sources, 1,
                                        &range),
                     NGX_OK);
    assert_int_equal(ws_list_source_ask(&world.merge, world.merge.sources, 1,
                                        &range),
                     NGX_DECLINED);

    memset(elts, 0, sizeof(elts));
    elts[0].type = member ? WS_REPLY_STRING : WS_REPLY_NIL;
    elts[0].str.data = (u_char *) member;
    elts[0].str.len = member ? strlen(member) : 0;
    elts[1].type = WS_REPLY_STRING;
    elts[1].str.data = (u_char *) score;
    elts[1].str.len = strlen(score);

    memset(&reply, 0, sizeof(reply));
    reply.type = n == 99 ? WS_REPLY_STRING : WS_REPLY_ARRAY;
    reply.n = n == 99 ? 0 : n;
    reply.elts = elts;

    rc = ws_list_source_feed(&world.merge, &range, &reply);

    if (rc == NGX_OK) {
        rc = world.merge.sources[0].tail;
        assert_int_equal(world.merge.starving, 0);
    }

    world_end();

    return rc;
}


/* members that the index cannot have are passed over */

static void
test_broken(void **state)
{
#define ID  "497f6eca-6276-4993-bfeb-53cbbbba6f08"

    assert_int_equal(feed("dev " ID, "-1700000000000", 2), 1);
    assert_int_equal(feed("dev " ID, "5", 2), 1);
    assert_int_equal(feed("dev " ID, "-0", 2), 1);
    assert_int_equal(feed("dev " ID, "", 2), 0);
    assert_int_equal(feed("dev " ID, "-", 2), 0);
    assert_int_equal(feed("dev " ID, "1.5", 2), 0);
    assert_int_equal(feed("dev " ID, "inf", 2), 0);
    assert_int_equal(feed(ID, "1", 2), 0);
    assert_int_equal(feed(" " ID, "1", 2), 0);
    assert_int_equal(feed("dev_" ID, "1", 2), 0);
    assert_int_equal(feed("", "1", 2), 0);
    assert_int_equal(feed(NULL, "1", 2), 0);
    assert_int_equal(feed("abcdefghijklmnopqrstuvwxyz012345 " ID, "1", 2), 1);
    assert_int_equal(feed("abcdefghijklmnopqrstuvwxyz0123456 " ID, "1", 2), 0);

    assert_int_equal(feed("dev " ID, "1", 0), 0);
    assert_int_equal(feed("dev " ID, "1", 1), NGX_ERROR);
    assert_int_equal(feed("dev " ID, "1", 34), NGX_ERROR);
    assert_int_equal(feed("dev " ID, "1", 99), NGX_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_still),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_broken)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
