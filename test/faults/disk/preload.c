// A disk between a program and its files, by LD_PRELOAD: it fails when it is told to, and writes down in order what was
// written, synced, created, renamed and removed below one folder, so that any power cut can be made of it afterwards.
//   DISK_FAULTS_ROOT     the folder
//   DISK_FAULTS_CONTROL  a file of 64-bit numbers, read at each call: disk.ts writes it
//   DISK_FAULTS_LOG      where the record goes; without it none is kept
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, READ = 4, OPEN = 8, TRUNCATE = 16, NAME = 32 };
enum { DATABASE = 1, WAL = 2, SHM = 4, OTHER = 8 };
enum { R_WRITE = 1, R_TRUNCATE, R_SYNCED, R_CREATED, R_LINKED, R_RENAMED, R_REMOVED, R_FOLDER };

#define RULES 4
#define FDS 4096

/** `countdown` calls from now the rule begins to hit, `times` times (-1: for ever); 0 is off. */
struct rule { int64_t kinds, files, countdown, times, error, hits; };
/** `room`: bytes that files may still grow by, -1 for any. `readOnly`: as after a remount. `files`: whose room it is. */
struct control { int64_t room, roomFiles, readOnly, calls[6]; struct rule rules[RULES]; };

struct head { uint32_t size, type, pid, length; uint64_t inode; int64_t offset; uint64_t time; };

static struct control *control;
static char root[PATH_MAX];
static size_t rootLength;
static int logFd = -1;
static unsigned char classOf[FDS];
static uint64_t fileOf[FDS];

#define REAL(type, name, ...) static type (*real_##name)(__VA_ARGS__)
REAL(int, open, const char *, int, ...);
REAL(int, close, int);
REAL(ssize_t, read, int, void *, size_t);
REAL(ssize_t, pread64, int, void *, size_t, off_t);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
REAL(ssize_t, pwritev64, int, const struct iovec *, int, off_t);
REAL(int, ftruncate64, int, off_t);
REAL(int, fdatasync, int);
REAL(int, rename, const char *, const char *);
REAL(int, link, const char *, const char *);
REAL(int, unlink, const char *);
REAL(int, mkdir, const char *, mode_t);

__attribute__((constructor)) static void begin(void) {
  if (real_open) return;
#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name)
  FIND(close); FIND(read); FIND(pread64); FIND(write); FIND(writev); FIND(pwrite64); FIND(pwritev64);
  FIND(ftruncate64); FIND(fdatasync); FIND(rename); FIND(link); FIND(unlink); FIND(mkdir);
  FIND(open);
  const char *folder = getenv("DISK_FAULTS_ROOT"), *file = getenv("DISK_FAULTS_CONTROL"), *log = getenv("DISK_FAULTS_LOG");
  if (!folder) return;
  rootLength = strlen(strcpy(root, folder));
  if (file) {
    int fd = real_open(file, O_RDWR | O_CLOEXEC);
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    control = at == MAP_FAILED ? NULL : at;
    real_close(fd);
  }
  if (log) {
    // Far from the numbers that programs count on.
    int fd = real_open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
    logFd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    real_close(fd);
  }
}

static int isOurs(const char *path) {
  return rootLength && strncmp(path, root, rootLength) == 0 && (path[rootLength] == '/' || !path[rootLength]);
}

static int classify(const char *path) {
  size_t length = strlen(path);
  if (length > 4 && !strcmp(path + length - 4, "-wal")) return WAL;
  if (length > 4 && !strcmp(path + length - 4, "-shm")) return SHM;
  return strstr(path, ".sqlite") ? DATABASE : OTHER;
}

/** The class of our file, 0 for another's: libuv closes by the system call, past this library, and numbers come again. */
static int known(int fd) {
  struct stat found;
  if (fd < 0 || fd >= FDS || !classOf[fd]) return 0;
  return fstat(fd, &found) || found.st_ino != fileOf[fd] ? 0 : classOf[fd];
}

/** The error to fail with, 0 for none. */
static int trouble(int kind, int class) {
  if (!control) return 0;
  __atomic_add_fetch(&control->calls[__builtin_ctz(kind)], 1, __ATOMIC_RELAXED);
  if (control->readOnly && (kind & (WRITE | TRUNCATE | NAME))) return EROFS;
  for (int at = 0; at < RULES; at++) {
    struct rule *rule = &control->rules[at];
    if (!(rule->kinds & kind) || !(rule->files & class) || rule->countdown <= 0) continue;
    if (rule->countdown > 1 && __atomic_sub_fetch(&rule->countdown, 1, __ATOMIC_RELAXED) >= 1) continue;
    if (rule->times == 0) continue;
    if (rule->times > 0) rule->times--;
    rule->hits++;
    return (int)rule->error;
  }
  return 0;
}

static void record(int type, uint64_t inode, int64_t offset, const struct iovec *data, int count) {
  if (logFd < 0) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct iovec parts[9];
  struct head head = { 0, type, getpid(), 0, inode, offset, now.tv_sec * 1000000ull + now.tv_nsec / 1000 };
  for (int at = 0; at < count; at++) head.length += (parts[at + 1] = data[at]).iov_len;
  head.size = sizeof head + head.length;
  parts[0] = (struct iovec){ &head, sizeof head };
  // One append: whole, and in its place among those of all processes.
  if (real_writev(logFd, parts, count + 1) != (ssize_t)head.size) abort();
}

static uint64_t inodeOf(int fd) { struct stat found; return fstat(fd, &found) ? 0 : found.st_ino; }
static uint64_t inodeAt(const char *path) { struct stat found; return lstat(path, &found) ? 0 : found.st_ino; }

static void recordPaths(int type, uint64_t inode, const char *path, const char *other) {
  struct iovec texts[] = { { (void *)path, strlen(path) }, { "\0", 1 }, { (void *)other, strlen(other) } };
  record(type, inode, 0, texts, *other ? 3 : 1);
}

static int refuse(int error) { errno = error; return -1; }

static int openAny(const char *path, int flags, mode_t mode) {
  begin();
  if (!isOurs(path)) return real_open(path, flags, mode);
  int class = classify(path), writes = (flags & O_ACCMODE) != O_RDONLY;
  uint64_t before = flags & (O_CREAT | O_TRUNC) ? inodeAt(path) : 1;
  if (control && control->readOnly && (writes || (flags & O_CREAT && !before))) return refuse(EROFS);
  int error = trouble(OPEN, class);
  if (!error && !before && control && control->room == 0 && control->roomFiles & class) error = ENOSPC;
  if (error) return refuse(error);
  int fd = real_open(path, flags, mode);
  if (fd < 0 || fd >= FDS) return fd;
  classOf[fd] = class;
  fileOf[fd] = inodeOf(fd);
  if (!before) recordPaths(R_CREATED, inodeOf(fd), path, "");
  else if (flags & O_TRUNC) record(R_TRUNCATE, inodeOf(fd), 0, NULL, 0);
  if (flags & O_DIRECTORY || (!writes && logFd >= 0)) {
    struct stat found;
    if (!fstat(fd, &found) && S_ISDIR(found.st_mode)) recordPaths(R_FOLDER, found.st_ino, path, "");
  }
  return fd;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE return openAny(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return openAny(path, flags, mode); }

int close(int fd) {
  begin();
  if (fd == logFd && fd >= 0) return 0;
  if (fd >= 0 && fd < FDS) classOf[fd] = 0;
  return real_close(fd);
}

ssize_t read(int fd, void *to, size_t length) {
  begin();
  int class = known(fd), error = class ? trouble(READ, class) : 0;
  return error ? refuse(error) : real_read(fd, to, length);
}

ssize_t pread64(int fd, void *to, size_t length, off_t offset) {
  begin();
  int class = known(fd), error = class ? trouble(READ, class) : 0;
  return error ? refuse(error) : real_pread64(fd, to, length, offset);
}
ssize_t pread(int fd, void *to, size_t length, off_t offset) { return pread64(fd, to, length, offset); }

/** How much of what is to be written there is room for. */
static size_t roomFor(int fd, int class, off_t offset, size_t length) {
  if (!control || control->room < 0 || !(control->roomFiles & class)) return length;
  struct stat found;
  if (fstat(fd, &found)) return length;
  off_t from = offset < 0 ? (fcntl(fd, F_GETFL) & O_APPEND ? found.st_size : lseek(fd, 0, SEEK_CUR)) : offset;
  off_t growth = from + (off_t)length - found.st_size;
  if (growth <= 0) return length;
  if (growth <= control->room) { __atomic_sub_fetch(&control->room, growth, __ATOMIC_RELAXED); return length; }
  off_t fits = (off_t)length - growth + control->room;
  control->room = 0;
  return fits > 0 ? fits : 0;
}

/** `offset` < 0: where the file's own position is. */
static ssize_t writeAny(int fd, const struct iovec *parts, int count, off_t offset) {
  begin();
  int class = known(fd);
  if (!class) return offset < 0 ? real_writev(fd, parts, count) : real_pwritev64(fd, parts, count, offset);
  int error = trouble(WRITE, class);
  if (error) return refuse(error);
  struct iovec own[8];
  size_t length = 0;
  if (count > 8) count = 8; // A short write: the caller goes on.
  for (int at = 0; at < count; at++) length += parts[at].iov_len;
  size_t fits = roomFor(fd, class, offset, length), left = fits;
  if (length > 0 && fits == 0) return refuse(ENOSPC);
  for (int at = 0; at < count; at++) {
    own[at] = parts[at];
    if (own[at].iov_len > left) own[at].iov_len = left;
    left -= own[at].iov_len;
  }
  ssize_t written = offset < 0 ? real_writev(fd, own, count) : real_pwritev64(fd, own, count, offset);
  if (written == (ssize_t)fits && class != SHM && logFd >= 0)
    record(R_WRITE, inodeOf(fd), offset < 0 ? lseek(fd, 0, SEEK_CUR) - written : offset, own, count);
  return written;
}

ssize_t write(int fd, const void *from, size_t length) {
  begin();
  if (!known(fd)) return real_write(fd, from, length);
  struct iovec part = { (void *)from, length };
  return writeAny(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return writeAny(fd, parts, count, -1); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return writeAny(fd, parts, count, offset); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return writeAny(fd, parts, count, offset); }
ssize_t pwrite64(int fd, const void *from, size_t length, off_t offset) {
  begin();
  if (!known(fd)) return real_pwrite64(fd, from, length, offset);
  struct iovec part = { (void *)from, length };
  return writeAny(fd, &part, 1, offset);
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t offset) { return pwrite64(fd, from, length, offset); }

int ftruncate64(int fd, off_t length) {
  begin();
  int class = known(fd), error = class ? trouble(TRUNCATE, class) : 0;
  if (error) return refuse(error);
  int answer = real_ftruncate64(fd, length);
  if (!answer && class && class != SHM) record(R_TRUNCATE, inodeOf(fd), length, NULL, 0);
  return answer;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int syncAny(int fd) {
  begin();
  int class = known(fd), error = class ? trouble(SYNC, class) : 0;
  if (!class) return real_fdatasync(fd);
  if (error) return refuse(error);
  // Nothing really has to reach the disk: only the order counts, and a write that is in the record before has been made.
  record(R_SYNCED, inodeOf(fd), 0, NULL, 0);
  return 0;
}
int fsync(int fd) { return syncAny(fd); }
int fdatasync(int fd) { return syncAny(fd); }

#define NAMED(path, call) \
  begin(); \
  if (!isOurs(path)) return call; \
  int error = trouble(NAME, classify(path)); \
  if (error) return refuse(error); \
  uint64_t inode __attribute__((unused)) = inodeAt(path); \
  int answer = call; \
  if (answer) return answer;
int rename(const char *from, const char *to) { NAMED(from, real_rename(from, to)) recordPaths(R_RENAMED, inode, from, to); return 0; }
int link(const char *from, const char *to) { NAMED(from, real_link(from, to)) recordPaths(R_LINKED, inode, from, to); return 0; }
int unlink(const char *path) { NAMED(path, real_unlink(path)) recordPaths(R_REMOVED, inode, path, ""); return 0; }
int mkdir(const char *path, mode_t mode) {
  NAMED(path, real_mkdir(path, mode))
  recordPaths(R_CREATED, 0, path, "");
  return 0;
}
