
/*
 * As in the module (ws_redis_tls.c): the chain against the authorities given,
 * or the system's, and the name against the host's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <hiredis/hiredis.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "tls.h"


static SSL_CTX *ws_tls_ctx(ws_ctl_t *ctl);
static int ws_tls_files(ws_ctl_t *ctl, SSL_CTX *ctx);
static int ws_tls_name(ws_ctl_t *ctl, ws_link_t *link);
static ngx_uint_t ws_tls_verify(ws_ctl_t *ctl);
static const char *ws_tls_error(ws_link_t *link, int rc);


int
ws_tls_check(ws_ctl_t *ctl)
{
    ngx_uint_t          i;
    ngx_str_t          *verify;
    static const char  *names[] = { "ssl-ca", "ssl-name", "ssl-verify",
                                    "ssl-certificate", "ssl-certificate-key" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ws_arg(ctl, names[i]) && !ctl->url.tls) {
            return ws_usage(ctl, "--%s needs a URL over TLS: rediss:, "
                            "sentinels: or clusters:", names[i]);
        }
    }

    verify = ws_arg(ctl, "ssl-verify");

    if (verify && ngx_strcmp(verify->data, "on") != 0
        && ngx_strcmp(verify->data, "off") != 0)
    {
        return ws_usage(ctl, "--ssl-verify: on or off is expected");
    }

    if (!ws_arg(ctl, "ssl-certificate") != !ws_arg(ctl, "ssl-certificate-key"))
    {
        return ws_usage(ctl, "--ssl-certificate and --ssl-certificate-key "
                        "need each other");
    }

    return WS_EXIT_OK;
}


const char *
ws_tls_open(ws_ctl_t *ctl, ws_link_t *link)
{
    int       rc;
    SSL_CTX  *ctx;

    ctx = ws_tls_ctx(ctl);
    if (ctx == NULL) {
        return ws_tls_error(link, 0);
    }

    /* it lives as long as the connection */

    link->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);

    if (link->ssl == NULL || !ws_tls_name(ctl, link)
        || SSL_set_fd(link->ssl, link->redis->fd) != 1)
    {
        return ws_tls_error(link, 0);
    }

    rc = SSL_connect(link->ssl);

    return rc == 1 ? NULL : ws_tls_error(link, rc);
}


static SSL_CTX *
ws_tls_ctx(ws_ctl_t *ctl)
{
    SSL_CTX  *ctx;

    ERR_clear_error();

    ctx = SSL_CTX_new(TLS_client_method());

    if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)
        && ws_tls_files(ctl, ctx))
    {
        return ctx;
    }

    SSL_CTX_free(ctx);

    return NULL;
}


static int
ws_tls_files(ws_ctl_t *ctl, SSL_CTX *ctx)
{
    ngx_str_t  *ca, *cert, *key;

    ca = ws_arg(ctl, "ssl-ca");
    cert = ws_arg(ctl, "ssl-certificate");
    key = ws_arg(ctl, "ssl-certificate-key");

    if (cert
        && (SSL_CTX_use_certificate_chain_file(ctx, (char *) cert->data) != 1
            || SSL_CTX_use_PrivateKey_file(ctx, (char *) key->data,
                                           SSL_FILETYPE_PEM)
               != 1))
    {
        return 0;
    }

    if (!ws_tls_verify(ctl)) {
        return 1;
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    return ca ? SSL_CTX_load_verify_locations(ctx, (char *) ca->data, NULL)
              : SSL_CTX_set_default_verify_paths(ctx);
}


static int
ws_tls_name(ws_ctl_t *ctl, ws_link_t *link)
{
    char       *name;
    ngx_str_t  *arg;

    arg = ws_arg(ctl, "ssl-name");
    name = (char *) (arg ? arg->data : link->host.data);

    /* an address is verified, but not sent */

    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), name) == 1) {
        return 1;
    }

    ERR_clear_error();

    return SSL_set_tlsext_host_name(link->ssl, name)
           && SSL_set1_host(link->ssl, name);
}


static ngx_uint_t
ws_tls_verify(ws_ctl_t *ctl)
{
    ngx_str_t  *verify;

    verify = ws_arg(ctl, "ssl-verify");

    return verify == NULL || ngx_strcmp(verify->data, "off") != 0;
}


const char *
ws_tls_write(ws_link_t *link, const char *data, size_t len)
{
    int     rc;
    size_t  n;

    while (len) {
        rc = SSL_write_ex(link->ssl, data, len, &n);

        if (rc != 1) {
            return ws_tls_error(link, rc);
        }

        data += n;
        len -= n;
    }

    return NULL;
}


ssize_t
ws_tls_read(ws_link_t *link, u_char *buf, size_t size, const char **what)
{
    int  n;

    n = SSL_read(link->ssl, buf, size);

    if (n <= 0) {
        *what = ws_tls_error(link, n);
        return -1;
    }

    return n;
}


static const char *
ws_tls_error(ws_link_t *link, int rc)
{
    long           verify;
    int            error;
    unsigned long  code;

    error = link->ssl ? SSL_get_error(link->ssl, rc) : SSL_ERROR_SSL;

    switch (error) {

    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return "no answer in time";

    case SSL_ERROR_ZERO_RETURN:
        return "it closed the connection";
    }

    verify = link->ssl ? SSL_get_verify_result(link->ssl) : X509_V_OK;

    if (verify != X509_V_OK) {
        return X509_verify_cert_error_string(verify);
    }

    code = ERR_peek_last_error();

    if (code) {
        return ERR_reason_error_string(code) ? ERR_reason_error_string(code)
                                             : "TLS failed";
    }

    return errno ? strerror(errno) : "it closed the connection";
}


void
ws_tls_close(ws_link_t *link)
{
    SSL_free(link->ssl);
    link->ssl = NULL;
}
