
/*
 * TLS to Redis.
 *
 * The handshake is nginx's; what it means is decided here: the certificate's
 * chain was checked by OpenSSL against the authorities configured, its name is
 * compared with the host's.  Nothing is sent before both hold.
 *
 * A connection keeps its last session, so that the next one is made with less
 * work.  While the handshake lasts the connection's timer is that of
 * connecting.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>
#include <ws_redis_tls.h>


#if (NGX_SSL)


#define WS_REDIS_TLS_DEPTH  10              /* certificates in a chain */


static ngx_int_t ws_redis_tls_trust(ngx_conf_t *cf, ws_redis_tls_t *tls,
    ngx_ssl_t *ssl);
static void ws_redis_tls_save(ngx_connection_t *c);
static void ws_redis_tls_handshaken(ngx_connection_t *c);
static ngx_int_t ws_redis_tls_verify(ws_redis_conn_t *conn);
static ngx_uint_t ws_redis_tls_named(ngx_connection_t *c, ngx_str_t *name);
static ngx_str_t ws_redis_tls_name(ws_redis_conn_t *conn);
static ngx_uint_t ws_redis_tls_address(ngx_str_t *name);


ngx_int_t
ws_redis_tls_init(ngx_conf_t *cf, ws_redis_tls_t *tls)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_ERROR;
    }

    ssl->log = cf->log;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    /* else what has been sent counts as not sent until all of it has */

    (void) SSL_CTX_set_mode(ssl->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);

    if (tls->certificate.len
        && ngx_ssl_certificate(cf, ssl, &tls->certificate, &tls->key, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (tls->verify && ws_redis_tls_trust(cf, tls, ssl) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    tls->ssl = ssl;

    return NGX_OK;
}


static ngx_int_t
ws_redis_tls_trust(ngx_conf_t *cf, ws_redis_tls_t *tls, ngx_ssl_t *ssl)
{
    if (tls->ca.len) {
        return ngx_ssl_trusted_certificate(cf, ssl, &tls->ca,
                                           WS_REDIS_TLS_DEPTH);
    }

    if (SSL_CTX_set_default_verify_paths(ssl->ctx) == 0) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ws_redis_tls_start(ws_redis_conn_t *conn)
{
    ngx_int_t          rc;
    ngx_str_t          name;
    ngx_connection_t  *c;

    c = conn->connection;

    conn->log.action = "TLS handshake with";

    c->pool = ngx_create_pool(512, &conn->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(conn->conf->tls.ssl, c, NGX_SSL_CLIENT)
           != NGX_OK)
    {
        ws_redis_conn_fail(conn, 0);
        return;
    }

    c->ssl->save_session = ws_redis_tls_save;

    name = ws_redis_tls_name(conn);

    /* RFC 6066, section 3: no addresses in it */

    if (name.len && !ws_redis_tls_address(&name)
        && SSL_set_tlsext_host_name(c->ssl->connection, (char *) name.data)
           == 0)
    {
        ngx_ssl_error(NGX_LOG_ERR, &conn->log, 0,
                      "SSL_set_tlsext_host_name() failed");
        ws_redis_conn_fail(conn, 0);
        return;
    }

    if (conn->session && ngx_ssl_set_session(c, conn->session) != NGX_OK) {
        ws_redis_conn_fail(conn, 0);
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ws_redis_tls_handshaken;
        return;
    }

    ws_redis_tls_handshaken(c);
}


/* a session that the server gives, during the handshake or later */

static void
ws_redis_tls_save(ngx_connection_t *c)
{
    ws_redis_conn_t  *conn;

    conn = c->data;

    ws_redis_tls_forget(conn);

    conn->session = ngx_ssl_get_session(c);
}


void
ws_redis_tls_forget(ws_redis_conn_t *conn)
{
    if (conn->session) {
        ngx_ssl_free_session(conn->session);
        conn->session = NULL;
    }
}


static void
ws_redis_tls_handshaken(ngx_connection_t *c)
{
    ws_redis_conn_t  *conn;

    conn = c->data;

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, NGX_ETIMEDOUT, "timed out");
    }

    if (!c->ssl->handshaked || ws_redis_tls_verify(conn) != NGX_OK) {

        /* the next try is made from nothing */

        ws_redis_tls_forget(conn);
        ws_redis_conn_fail(conn, 0);
        return;
    }

    c->read->handler = ws_redis_io_read_handler;
    c->write->handler = ws_redis_io_write_handler;

    ws_redis_conn_begin(conn);
}


static ngx_int_t
ws_redis_tls_verify(ws_redis_conn_t *conn)
{
    long               rc;
    ngx_str_t          name;
    ngx_connection_t  *c;

    c = conn->connection;

    if (!conn->conf->tls.verify) {
        return NGX_OK;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "the certificate is not accepted: (%l:%s)", rc,
                      X509_verify_cert_error_string(rc));
        return NGX_ERROR;
    }

    name = ws_redis_tls_name(conn);

    if (!ws_redis_tls_named(c, &name)) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "the certificate is not for \"%V\"", &name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ws_redis_tls_named(ngx_connection_t *c, ngx_str_t *name)
{
    int    rc;
    X509  *cert;

    if (!ws_redis_tls_address(name)) {
        return ngx_ssl_check_host(c, name) == NGX_OK;
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return 0;
    }

    rc = X509_check_ip_asc(cert, (char *) name->data, 0);

    X509_free(cert);

    return rc == 1;
}


static ngx_str_t
ws_redis_tls_name(ws_redis_conn_t *conn)
{
    return conn->conf->tls.name.len ? conn->conf->tls.name
                                    : *ws_redis_conn_host(conn);
}


static ngx_uint_t
ws_redis_tls_address(ngx_str_t *name)
{
    return ngx_inet_addr(name->data, name->len) != INADDR_NONE
           || ngx_strlchr(name->data, name->data + name->len, ':') != NULL;
}


void
ws_redis_tls_close(ngx_connection_t *c)
{
    if (c->ssl) {

        /* whatever was to be said has been: neither send nor wait */

        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }
}


#else


ngx_int_t
ws_redis_tls_init(ngx_conf_t *cf, ws_redis_tls_t *tls)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"workspace_redis\" over TLS needs an nginx that was "
                       "built with SSL, and the module built for it");

    return NGX_ERROR;
}


void
ws_redis_tls_start(ws_redis_conn_t *conn)
{
    ws_redis_conn_fail(conn, 0);
}


void
ws_redis_tls_forget(ws_redis_conn_t *conn)
{
}


void
ws_redis_tls_close(ngx_connection_t *c)
{
}


#endif
