/* A SQLite VFS that writes the pages of a commit to the write-ahead log with one call.
 *
 * SQLite writes each page of a commit with two calls: a header of 24 bytes, and the page. A call costs some microseconds in
 * the kernel however short it is; for a commit of five pages that is a third of the time of the writer. This VFS buffers
 * contiguous writes and passes them on together.
 *
 * It is a shim as the documentation of SQLite describes them (https://www.sqlite.org/vfs.html, section 2.2). The VFS of the
 * platform opens all files other than the log, and every call on the log is passed on to it. The invariant: before any call
 * on the log other than a write, all buffered bytes are written. So the writing connection sees the same file as with the
 * VFS of the platform.
 *
 * Other connections read from the file only what the wal-index lists. With `synchronous = FULL`, SQLite adds a commit to the
 * wal-index after it has synced the log (wal.c, walFrames). With less it does not sync, and readers would look for pages that
 * are not written yet, so only connections with FULL may use this VFS. If a write may damage adjacent bytes (no powersafe
 * overwrite), SQLite repeats the last page of a commit after the sync; then nothing is buffered. One connection at a time
 * uses a file, as with every file of SQLite.
 *
 * It is in C because it implements a C interface of SQLite, and all other code is safe Rust. It registers itself as
 * "gathered-log" when the program starts; src/open.rs opens the connection that writes orders with it.
 */

#include <string.h>

#include "sqlite3.h"

/* 31 pages of the usual size with their headers. The VFS of the platform writes less than 128 KiB at a time (os_unix.c,
 * seekAndWriteFd), so a larger buffer would have no benefit. */
#define CAPACITY (31 * (24 + 4096))

/* The log file. The file of the platform follows it in memory. */
typedef struct {
  sqlite3_file base;
  sqlite3_file *file;
  /* Whether writes may be buffered. */
  int may_hold;
  /* The buffer: `held_bytes` bytes for the offset `held_at`. It is allocated at the first write and freed at the end. */
  unsigned char *held;
  sqlite3_int64 held_at;
  int held_bytes;
} Log;

static Log *log_of(sqlite3_file *file) { return (Log *)file; }

/* Writes the buffered bytes. If that fails, they are dropped: their commit fails, so no connection reads them. */
static int write_held(Log *log) {
  int bytes = log->held_bytes;
  if (bytes == 0) return SQLITE_OK;
  log->held_bytes = 0;
  return log->file->pMethods->xWrite(log->file, log->held, bytes, log->held_at);
}

static int log_write(sqlite3_file *self, const void *bytes, int count, sqlite3_int64 at) {
  Log *log = log_of(self);
  int follows = at == log->held_at + log->held_bytes;
  if (log->held_bytes > 0 && (!follows || count > CAPACITY - log->held_bytes)) {
    int result = write_held(log);
    if (result != SQLITE_OK) return result;
  }
  if (log->held == NULL && log->may_hold) log->held = sqlite3_malloc(CAPACITY);
  if (log->held == NULL || count > CAPACITY) {
    return log->file->pMethods->xWrite(log->file, bytes, count, at);
  }
  if (log->held_bytes == 0) log->held_at = at;
  memcpy(log->held + log->held_bytes, bytes, (size_t)count);
  log->held_bytes += count;
  return SQLITE_OK;
}

static int log_close(sqlite3_file *self) {
  Log *log = log_of(self);
  int written = write_held(log);
  int closed = log->file->pMethods->xClose(log->file);
  sqlite3_free(log->held);
  log->held = NULL;
  return written != SQLITE_OK ? written : closed;
}

/* Calls that are passed on after the buffered bytes are written. */
#define AFTER_WRITING(call)                                \
  Log *log = log_of(self);                                 \
  int written = write_held(log);                           \
  if (written != SQLITE_OK) return written;                \
  return log->file->pMethods->call

static int log_read(sqlite3_file *self, void *bytes, int count, sqlite3_int64 at) {
  AFTER_WRITING(xRead(log->file, bytes, count, at));
}

static int log_truncate(sqlite3_file *self, sqlite3_int64 size) {
  AFTER_WRITING(xTruncate(log->file, size));
}

static int log_sync(sqlite3_file *self, int flags) {
  AFTER_WRITING(xSync(log->file, flags));
}

static int log_size(sqlite3_file *self, sqlite3_int64 *size) {
  AFTER_WRITING(xFileSize(log->file, size));
}

static int log_control(sqlite3_file *self, int operation, void *argument) {
  AFTER_WRITING(xFileControl(log->file, operation, argument));
}

/* SQLite only locks its main file, but the interface needs these calls. */
static int log_lock(sqlite3_file *self, int level) {
  AFTER_WRITING(xLock(log->file, level));
}

static int log_unlock(sqlite3_file *self, int level) {
  AFTER_WRITING(xUnlock(log->file, level));
}

static int log_check_lock(sqlite3_file *self, int *is_locked) {
  AFTER_WRITING(xCheckReservedLock(log->file, is_locked));
}

/* Properties of the file system, which do not depend on the buffer. */
static int log_sector_size(sqlite3_file *self) {
  Log *log = log_of(self);
  return log->file->pMethods->xSectorSize(log->file);
}

static int log_traits(sqlite3_file *self) {
  Log *log = log_of(self);
  return log->file->pMethods->xDeviceCharacteristics(log->file);
}

/* Version 1: a log is neither mapped into memory nor shared through it. */
static const sqlite3_io_methods LOG_METHODS = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_traits,
};

/* The VFS of the platform, and this one, which differs from it only in opening a log. */
static sqlite3_vfs *platform;
static sqlite3_vfs gathered_log;

static int open_file(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out) {
  (void)self;
  if ((flags & SQLITE_OPEN_WAL) == 0) return platform->xOpen(platform, name, file, flags, flags_out);
  Log *log = log_of(file);
  memset(log, 0, sizeof *log);
  log->file = (sqlite3_file *)(log + 1);
  int result = platform->xOpen(platform, name, log->file, flags, flags_out);
  /* If the log could not be opened, the platform sets pMethods only if there is something to close. */
  if (log->file->pMethods == NULL) return result;
  log->base.pMethods = &LOG_METHODS;
  log->may_hold = (log_traits(file) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
  return result;
}

/* If SQLite cannot be initialized, there is no VFS of the platform; opening a store then fails. */
__attribute__((constructor)) static void register_gathered_log(void) {
  platform = sqlite3_vfs_find(NULL);
  if (platform == NULL) return;
  gathered_log = *platform;
  gathered_log.zName = "gathered-log";
  gathered_log.pNext = NULL;
  gathered_log.szOsFile = platform->szOsFile + (int)sizeof(Log);
  gathered_log.xOpen = open_file;
  sqlite3_vfs_register(&gathered_log, 0);
}
