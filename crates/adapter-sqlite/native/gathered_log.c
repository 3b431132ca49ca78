/* A file layer for SQLite that writes a commit's pages to the write-ahead log in one go.
 *
 * SQLite writes each page of a commit with two calls, its head of 24 bytes and the page itself. A call costs the kernel
 * some microseconds however short it is, so that for a commit of five pages they are a third of what the writer does.
 * Here what is written one behind the other is held in memory and handed on together.
 *
 * It is a shim as SQLite's documentation describes them (https://www.sqlite.org/vfs.html, section 2.2): everything but
 * the log is opened by the layer of the platform alone, and of the log every call is passed on. Its one rule: whatever
 * is asked of the log but a write, is asked after all that is held has been written. So the connection that writes never
 * sees anything else than the platform's layer would show it.
 *
 * Others see the log as it is on the file. They look there only for what the index of the log tells them of, and to that
 * SQLite adds a commit after it has flushed the log, where the connection has `synchronous = FULL` (wal.c, walFrames).
 * With less it flushes nothing, and readers would look for pages that are not there yet: this layer is for connections
 * with FULL alone. Where a write may spoil what lies beside it SQLite repeats a commit's last page behind the flush; there
 * nothing is held. It is called by one connection at a time, as every open file of SQLite is.
 *
 * In C, because it is SQLite's own interface and the rest of the house is safe Rust. It registers itself, by the name
 * "gathered-log", when the program starts; src/open.rs opens the connection that writes with it.
 */

#include <string.h>

#include "sqlite3.h"

/* 31 pages of the usual size with their heads. The platform's layer takes less than 128 KiB at a time (os_unix.c,
 * seekAndWriteFd), and more in one go would gain nothing. */
#define ROOM (31 * (24 + 4096))

/* The log. The platform's own file lies behind it. */
typedef struct {
  sqlite3_file base;
  sqlite3_file *file;
  /* Whether writes are held at all. */
  int may_hold;
  /* What is held: `held_bytes` for the place `held_at`. The memory is taken at the first write and kept. */
  unsigned char *held;
  sqlite3_int64 held_at;
  int held_bytes;
} Log;

static Log *log_of(sqlite3_file *file) { return (Log *)file; }

/* Writes what is held. What cannot be written is given up: its commit fails, and nobody looks for it. */
static int write_held(Log *log) {
  int bytes = log->held_bytes;
  if (bytes == 0) return SQLITE_OK;
  log->held_bytes = 0;
  return log->file->pMethods->xWrite(log->file, log->held, bytes, log->held_at);
}

static int log_write(sqlite3_file *self, const void *bytes, int count, sqlite3_int64 at) {
  Log *log = log_of(self);
  int follows = at == log->held_at + log->held_bytes;
  if (log->held_bytes > 0 && (!follows || count > ROOM - log->held_bytes)) {
    int result = write_held(log);
    if (result != SQLITE_OK) return result;
  }
  if (log->held == NULL && log->may_hold) log->held = sqlite3_malloc(ROOM);
  if (log->held == NULL || count > ROOM) {
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

/* The calls that are passed on once what is held is written. */
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

/* SQLite locks its main file only; these are asked all the same. */
static int log_lock(sqlite3_file *self, int level) {
  AFTER_WRITING(xLock(log->file, level));
}

static int log_unlock(sqlite3_file *self, int level) {
  AFTER_WRITING(xUnlock(log->file, level));
}

static int log_check_lock(sqlite3_file *self, int *is_locked) {
  AFTER_WRITING(xCheckReservedLock(log->file, is_locked));
}

/* What the file system is like, whatever is held. */
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

/* The layer of the platform, and ours, which is the same but for opening a log. */
static sqlite3_vfs *platform;
static sqlite3_vfs gathered_log;

static int open_file(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out) {
  (void)self;
  if ((flags & SQLITE_OPEN_WAL) == 0) return platform->xOpen(platform, name, file, flags, flags_out);
  Log *log = log_of(file);
  memset(log, 0, sizeof *log);
  log->file = (sqlite3_file *)(log + 1);
  int result = platform->xOpen(platform, name, log->file, flags, flags_out);
  /* Where it could not be opened the platform says whether there is something to close. */
  if (log->file->pMethods == NULL) return result;
  log->base.pMethods = &LOG_METHODS;
  log->may_hold = (log_traits(file) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
  return result;
}

/* Where SQLite cannot begin there is no layer of the platform either, and opening a store says so. */
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
