// tlspull - pulls over HTTPS for a load that the client does not limit: HTTP/1.1, TLS 1.3, one cipher suite.
// The client decrypts an answer's head only. What follows is counted and thrown away in the kernel, still encrypted
// (MSG_TRUNC), so that nearly all time goes to the server. --verify decrypts all of it instead and checks the digest.
// build: gcc -O2 -pthread -o tlspull tlspull.c -lssl -lcrypto
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *suite = "TLS_AES_128_GCM_SHA256";
static const char *path, *want;
static char hostport[300], negotiated[100];
static struct sockaddr_in addr;
static SSL_CTX *ctx;
static int verify;
static double seconds_at_most;
static atomic_long bytes;
static atomic_int errors;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double mycpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_utime.tv_usec / 1e6 + r.ru_stime.tv_sec + r.ru_stime.tv_usec / 1e6;
}

static void die(const char *m) {
  fprintf(stderr, "tlspull: %s (%s)\n", m, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(2);
}

static int fault(const char *m) {
  fprintf(stderr, "tlspull: %s\n", m);
  errors++;
  return -1;
}

// Reads up to the end of the head, and says how many bytes of the body came with it.
static long read_head(SSL *s, char *head, size_t cap, long *length) {
  size_t n = 0;
  char *end = 0;
  while (!end) {
    int k = n < cap - 1 ? SSL_read(s, head + n, cap - 1 - n) : 0;
    if (k <= 0) return fault("no head");
    n += k;
    head[n] = 0;
    end = memmem(head, n, "\r\n\r\n", 4);
  }
  if (strncmp(head, "HTTP/1.1 200", 12)) return fault(head);
  char *l = strcasestr(head, "\r\ncontent-length:");
  if (!l || l > end) return fault("no length");
  *length = atol(l + 17);
  return n - (end + 4 - head);
}

// Ciphertext is longer than the body, by 22 bytes for each record of at most 16 KiB and the last alert.
static void discard(int fd, long left) {
  static __thread char big[1 << 20];
  long got = 0;
  ssize_t k;
  double end = now() + seconds_at_most;
  while ((k = recv(fd, big, sizeof big, MSG_TRUNC)) > 0) {
    got += k;
    if (seconds_at_most && now() > end) return;
  }
  if (got < left + left / 16384 * 22) fault("the answer ended early");
}

static void check(SSL *s, const char *first, long n, long left) {
  static __thread char big[1 << 16];
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  EVP_DigestInit_ex(md, EVP_sha256(), 0);
  EVP_DigestUpdate(md, first, n);
  while (left > 0) {
    int k = SSL_read(s, big, sizeof big);
    if (k <= 0) break;
    EVP_DigestUpdate(md, big, k);
    left -= k;
  }
  unsigned char out[32];
  char text[80] = "sha256:";
  EVP_DigestFinal_ex(md, out, 0);
  for (int i = 0; i < 32; i++) sprintf(text + 7 + 2 * i, "%02x", out[i]);
  if (left || strcmp(text, want)) fault("other bytes than were asked for");
  EVP_MD_CTX_free(md);
}

static void *pull(void *unused) {
  (void)unused;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0 || connect(fd, (void *)&addr, sizeof addr)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL *s = SSL_new(ctx);
  SSL_set_fd(s, fd);
  if (SSL_connect(s) != 1) die("handshake");
  snprintf(negotiated, sizeof negotiated, "%s %s", SSL_get_version(s), SSL_get_cipher_name(s));
  char request[8192], head[32768];
  int n = snprintf(request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tlspull\r\nConnection: close\r\n\r\n", path, hostport);
  if (SSL_write(s, request, n) != n) die("send");
  long length, with = read_head(s, head, sizeof head, &length);
  if (with >= 0) {
    // read_head took whole records only, since nothing is read ahead: the socket now stands between two records.
    if (verify) check(s, strstr(head, "\r\n\r\n") + 4, with, length - with);
    else discard(fd, length - with);
    bytes += length;
  }
  SSL_free(s);
  close(fd);
  return 0;
}

int main(int argc, char **argv) {
  int connections = 1;
  if (argc < 3 || strncmp(argv[1], "https://", 8)) {
    fprintf(stderr, "usage: tlspull https://IPV4:PORT [-c 1] [-s TLS 1.3 suite] [-d seconds at most] [--verify sha256:...] PATH\n");
    return 2;
  }
  snprintf(hostport, sizeof hostport, "%s", argv[1] + 8);
  char host[300];
  strcpy(host, hostport);
  char *colon = strchr(host, ':');
  if (!colon) die("the port is missing");
  *colon = 0;
  addr.sin_family = AF_INET;
  addr.sin_port = htons(atoi(colon + 1));
  if (inet_pton(AF_INET, host, &addr.sin_addr) != 1) die("the host must be an IPv4 address");
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "-c")) connections = atoi(argv[++i]);
    else if (!strcmp(argv[i], "-s")) suite = argv[++i];
    else if (!strcmp(argv[i], "-d")) seconds_at_most = atof(argv[++i]);
    else if (!strcmp(argv[i], "--verify")) verify = 1, want = argv[++i];
    else path = argv[i];
  }
  if (connections < 1 || connections > 256) die("1 to 256 connections");
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  if (!SSL_CTX_set_ciphersuites(ctx, suite)) die("cipher suite");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, 0);
  pthread_t threads[256];
  double start = now(), cpu = mycpu();
  for (int i = 0; i < connections; i++) pthread_create(&threads[i], 0, pull, 0);
  for (int i = 0; i < connections; i++) pthread_join(threads[i], 0);
  double seconds = now() - start;
  printf("{\"bytes\": %ld, \"seconds\": %.6g, \"GBps\": %.6g, \"errors\": %d, \"cipher\": \"%s\", "
      "\"client_cpu_s\": %.6g}\n", (long)bytes, seconds, bytes / seconds / 1e9, errors, negotiated, mycpu() - cpu);
  return errors;
}
