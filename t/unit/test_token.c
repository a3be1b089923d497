/* links: src/core/ws_token.c; -lcmocka -lcrypto */

/*
 * Tokens: their shape, their hash, and that new ones are random.
 */


#include "core_text.h"
#include "ws_token.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


static const char  sample[] = "AZaz09BYby-0123456789abcdefABCDEF";

/* FIPS 180-2, appendix B.1, and the well-known hash of nothing */

static const char  hash_abc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char  hash_empty[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";


static ngx_int_t
parse(const char *s, size_t len)
{
    ngx_int_t   rc;
    ngx_str_t   text;
    ws_token_t  t;

    text = core_text_n(s, len);
    rc = ws_token_parse(&text, &t);
    core_text_free(&text);

    return rc;
}


static void
test_parse_points_into_text(void **state)
{
    ngx_str_t   text;
    ws_token_t  t;

    text = core_text(sample);

    assert_int_equal(ws_token_parse(&text, &t), NGX_OK);

    assert_ptr_equal(t.id.data, text.data);
    assert_int_equal(t.id.len, WS_TOKEN_ID_LEN);
    assert_ptr_equal(t.secret.data, text.data + 11);
    assert_int_equal(t.secret.len, WS_TOKEN_SECRET_LEN);

    core_text_free(&text);
}


static void
test_parse_declines_other_shapes(void **state)
{
    size_t  i;

    static const char  *texts[] = {
        "",
        "-",
        "AZaz09BYby",
        "AZaz09BYby-",
        "AZaz09BYby-0123456789abcdefABCDE",
        "AZaz09BYby-0123456789abcdefABCDEFG",
        "AZaz09BYb-00123456789abcdefABCDEF",
        "AZaz09BYbyy-123456789abcdefABCDEF",
        " AZaz09BYby-0123456789abcdefABCDE",
        "AZaz09BYby-0123456789abcdef-ABCDE",
        "AZaz09BYby_0123456789abcdefABCDEF"
    };

    for (i = 0; i < core_items(texts); i++) {
        assert_int_equal(parse(texts[i], strlen(texts[i])), NGX_DECLINED);
    }
}


static void
test_parse_declined_leaves_result(void **state)
{
    ngx_str_t   text;
    ws_token_t  t;

    t.id.data = (u_char *) sample;
    t.secret.len = 7;

    text = core_text("AZaz09BYby-0123456789abcdefABCDE!");

    assert_int_equal(ws_token_parse(&text, &t), NGX_DECLINED);
    assert_ptr_equal(t.id.data, sample);
    assert_int_equal(t.secret.len, 7);

    core_text_free(&text);
}


static void
test_parse_checks_every_byte(void **state)
{
    int        c, alnum;
    char       text[sizeof(sample)];
    size_t     i;
    ngx_int_t  expected;

    for (i = 0; i < WS_TOKEN_LEN; i++) {
        for (c = 0; c < 256; c++) {

            memcpy(text, sample, sizeof(text));
            text[i] = (char) c;

            alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
                    || (c >= 'a' && c <= 'z');

            expected = (i == WS_TOKEN_ID_LEN ? c == '-' : alnum)
                       ? NGX_OK : NGX_DECLINED;

            assert_int_equal(parse(text, WS_TOKEN_LEN), expected);
        }
    }
}


static void
test_hash(void **state)
{
    u_char     hex[WS_TOKEN_HASH_LEN + 1];
    ngx_str_t  secret;

    hex[WS_TOKEN_HASH_LEN] = '!';

    secret = core_text("abc");
    assert_int_equal(ws_token_hash(&secret, hex), NGX_OK);
    assert_memory_equal(hex, hash_abc, WS_TOKEN_HASH_LEN);
    core_text_free(&secret);

    ngx_str_null(&secret);
    assert_int_equal(ws_token_hash(&secret, hex), NGX_OK);
    assert_memory_equal(hex, hash_empty, WS_TOKEN_HASH_LEN);

    assert_int_equal(hex[WS_TOKEN_HASH_LEN], '!');
}


static void
test_verify(void **state)
{
    size_t     i;
    ngx_str_t  abc, other, stored, cut;

    abc = core_text("abc");
    other = core_text("abd");
    stored = core_text(hash_abc);

    assert_int_equal(ws_token_verify(&abc, &stored), NGX_OK);
    assert_int_equal(ws_token_verify(&other, &stored), NGX_DECLINED);

    /* a difference anywhere counts */

    for (i = 0; i < WS_TOKEN_HASH_LEN; i++) {
        stored.data[i] ^= 1;
        assert_int_equal(ws_token_verify(&abc, &stored), NGX_DECLINED);
        stored.data[i] ^= 1;
    }

    /* so does another length */

    for (i = 0; i < WS_TOKEN_HASH_LEN; i++) {
        cut = core_text_n(hash_abc, i);
        assert_int_equal(ws_token_verify(&abc, &cut), NGX_DECLINED);
        core_text_free(&cut);
    }

    cut = core_text_n(hash_abc, sizeof(hash_abc));
    assert_int_equal(ws_token_verify(&abc, &cut), NGX_DECLINED);
    core_text_free(&cut);

    core_text_free(&abc);
    core_text_free(&other);
    core_text_free(&stored);
}


static void
test_generate_makes_tokens(void **state)
{
    u_char      text[WS_TOKEN_LEN + 1], last[WS_TOKEN_LEN];
    ngx_uint_t  i;

    ngx_memzero(last, sizeof(last));
    text[WS_TOKEN_LEN] = '!';

    for (i = 0; i < 1000; i++) {
        assert_int_equal(ws_token_generate(text), NGX_OK);
        assert_int_equal(parse((char *) text, WS_TOKEN_LEN), NGX_OK);
        assert_int_equal(text[WS_TOKEN_LEN], '!');
        assert_memory_not_equal(text, last, WS_TOKEN_LEN);

        memcpy(last, text, WS_TOKEN_LEN);
    }
}


/*
 * 320,000 characters make about 5161 of each; a bias such as that of "byte
 * modulo 62" gives some of them 1.25 times as many as others.  Here the
 * bounds are seven standard deviations away.
 */

static void
test_generate_is_uniform(void **state)
{
    u_char      text[WS_TOKEN_LEN];
    ngx_uint_t  i, j, count[256], kinds;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 10000; i++) {
        assert_int_equal(ws_token_generate(text), NGX_OK);

        for (j = 0; j < WS_TOKEN_LEN; j++) {
            count[text[j]]++;
        }
    }

    assert_int_equal(count['-'], 10000);

    count['-'] = 0;
    kinds = 0;

    for (i = 0; i < 256; i++) {
        if (count[i]) {
            assert_in_range(count[i], 4660, 5660);
            kinds++;
        }
    }

    assert_int_equal(kinds, 62);
}


#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)

/* must come before anything that wants a random number */

static void
test_generate_without_randomness(void **state)
{
    u_char  text[WS_TOKEN_LEN];

    assert_int_equal(RAND_set_DRBG_type(NULL, "no-such-generator", NULL, NULL,
                                        NULL),
                     1);
    assert_int_equal(ws_token_generate(text), NGX_ERROR);

    assert_int_equal(RAND_set_DRBG_type(NULL, "CTR-DRBG", NULL, NULL, NULL),
                     1);
    assert_int_equal(ws_token_generate(text), NGX_OK);
}


/* a hash that could not be made matches nothing, not even itself */

static void
test_hash_refused(void **state)
{
    u_char     hex[WS_TOKEN_HASH_LEN];
    ngx_str_t  abc, stored, dashes;

    abc = core_text("abc");
    stored = core_text(hash_abc);

    assert_int_equal(EVP_set_default_properties(NULL, "fips=yes"), 1);

    ngx_memset(hex, 'a', sizeof(hex));
    assert_int_equal(ws_token_hash(&abc, hex), NGX_ERROR);

    dashes = core_text("--------------------------------"
                       "--------------------------------");
    assert_memory_equal(hex, dashes.data, WS_TOKEN_HASH_LEN);

    assert_int_equal(ws_token_verify(&abc, &stored), NGX_ERROR);
    assert_int_equal(ws_token_verify(&abc, &dashes), NGX_ERROR);

    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);

    assert_int_equal(ws_token_verify(&abc, &stored), NGX_OK);

    core_text_free(&abc);
    core_text_free(&stored);
    core_text_free(&dashes);
}

#endif


int
main(void)
{
    const struct CMUnitTest  tests[] = {
#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)
        cmocka_unit_test(test_generate_without_randomness),
        cmocka_unit_test(test_hash_refused),
#endif
        cmocka_unit_test(test_parse_points_into_text),
        cmocka_unit_test(test_parse_declines_other_shapes),
        cmocka_unit_test(test_parse_declined_leaves_result),
        cmocka_unit_test(test_parse_checks_every_byte),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_generate_makes_tokens),
        cmocka_unit_test(test_generate_is_uniform)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
