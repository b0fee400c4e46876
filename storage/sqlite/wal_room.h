// Room in the write-ahead log: the file is made longer before it is needed.
//
// A sync of a file that has grown writes the file system's own journal too, which takes longer than what was written;
// one of bytes that were there before does not. So zeros are written behind what is used, many commits' worth at once.
// For SQLite they are like what a log that has begun anew still has from before: frames that are not valid.
#pragma once

#include <sqlite3.h>

#include <cstdint>

namespace penstock::sqlite {

// Of the one connection that writes. Not thread-safe.
class WalRoom {
 public:
  // Has `handle` call this after each commit, which takes the place of SQLite's own checkpoints
  // (PRAGMA wal_autocheckpoint): the log is written back when it has 4,000 pages. This outlives the handle.
  void Serve(sqlite3* handle);

  // Makes room if little is left. Only within a transaction that writes, whose lock keeps other programs from making the
  // log longer at the same time: what they have written must not be written over.
  void Extend(sqlite3* handle);

 private:
  static int AfterCommit(void* self, sqlite3* handle, const char* database, int pages);

  int64_t used_bytes_ = 0;  // by the last commit; 0: none was seen
  int64_t room_bytes_ = 0;  // how long the file is at least
  bool is_refused_ = false;
};

}  // namespace penstock::sqlite
