/* Makes chosen calls on chosen files fail, in a program that is started with LD_PRELOAD=diskfaults.so and
   BERTH_DISK_FAULTS=FILE. FILE is mapped and holds the one rule that is in force: the test writes to it at any time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, UNLINK = 16, MKDIR = 32, TRUNCATE = 64, READ = 128 };

enum { HELD = -1 };

struct rule {
    _Atomic int32_t calls;  /* those that fail, by the bits above; 0: none */
    _Atomic int32_t error;  /* the error number; 0: writes are cut in half instead; HELD: the call waits */
    _Atomic int32_t skip;   /* how many matching calls go through first */
    _Atomic int32_t times;  /* how many fail then; -1: all */
    _Atomic int32_t hits;   /* how many failed */
    char in[244];           /* what the path contains */
};

static struct rule *rule;

__attribute__((constructor)) static void map_rule(void)
{
    const char *path = getenv("BERTH_DISK_FAULTS");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *rule, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) rule = mapped;
    close(file);
}

static int strikes(int call, const char *path)
{
    if (!rule || !(atomic_load(&rule->calls) & call) || !path || !strstr(path, rule->in)) return 0;
    if (atomic_fetch_sub(&rule->skip, 1) > 0) return 0;
    int times = atomic_load(&rule->times);
    if (times == 0) return 0;
    if (times > 0 && atomic_fetch_sub(&rule->times, 1) <= 0) return 0;
    atomic_fetch_add(&rule->hits, 1);

    /* Until the test says how it ends: it fails with another error, or goes through where its path or all are let go. */
    while (atomic_load(&rule->error) == HELD && atomic_load(&rule->calls) && strstr(path, rule->in)) usleep(1000);
    return atomic_load(&rule->calls) && strstr(path, rule->in);
}

static int strikes_file(int call, int file)
{
    char link[64], path[4096];
    if (!rule || !(atomic_load(&rule->calls) & call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strikes(call, path);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL do { errno = atomic_load(&rule->error); return -1; } while (0)

static int has_mode(int flags) { return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE; }

#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(name); \
        mode_t mode = 0; \
        if (has_mode(flags)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if (strikes(OPEN, path)) FAIL; \
        return real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        REAL(name); \
        mode_t mode = 0; \
        if (has_mode(flags)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if (strikes(OPEN, path)) FAIL; \
        return real(folder, path, flags, mode); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

static size_t half(size_t count) { return count > 1 ? count / 2 : count; }

#define CUT_OR_FAIL(file, count) \
    if (strikes_file(WRITE, file)) { if (atomic_load(&rule->error)) FAIL; count = half(count); }

ssize_t write(int file, const void *bytes, size_t count)
{
    REAL(write);
    CUT_OR_FAIL(file, count)
    return real(file, bytes, count);
}

#define WRITES_AT(name, offset_type) \
    ssize_t name(int file, const void *bytes, size_t count, offset_type offset) \
    { \
        REAL(name); \
        CUT_OR_FAIL(file, count) \
        return real(file, bytes, count, offset); \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

#define WRITES_MANY(name, offset_type) \
    ssize_t name(int file, const struct iovec *parts, int count, offset_type offset) \
    { \
        REAL(name); \
        if (strikes_file(WRITE, file)) { \
            if (atomic_load(&rule->error)) FAIL; \
            return pwrite(file, parts[0].iov_base, half(parts[0].iov_len), offset); \
        } \
        return real(file, parts, count, offset); \
    }
WRITES_MANY(pwritev, off_t)
WRITES_MANY(pwritev64, off64_t)

#define READS_AT(name, offset_type) \
    ssize_t name(int file, void *bytes, size_t count, offset_type offset) \
    { \
        REAL(name); \
        if (strikes_file(READ, file)) { if (atomic_load(&rule->error)) FAIL; count = half(count); } \
        return real(file, bytes, count, offset); \
    }
READS_AT(pread, off_t)
READS_AT(pread64, off64_t)

int fsync(int file) { REAL(fsync); if (strikes_file(SYNC, file)) FAIL; return real(file); }
int fdatasync(int file) { REAL(fdatasync); if (strikes_file(SYNC, file)) FAIL; return real(file); }
int rename(const char *from, const char *to) { REAL(rename); if (strikes(RENAME, to)) FAIL; return real(from, to); }
int unlink(const char *path) { REAL(unlink); if (strikes(UNLINK, path)) FAIL; return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); if (strikes(MKDIR, path)) FAIL; return real(path, mode); }
int ftruncate(int file, off_t size)
{
    REAL(ftruncate);
    if (strikes_file(TRUNCATE, file)) FAIL;
    return real(file, size);
}
int ftruncate64(int file, off64_t size)
{
    REAL(ftruncate64);
    if (strikes_file(TRUNCATE, file)) FAIL;
    return real(file, size);
}
