#include "storage/sqlite/wal_room.h"

#include <vector>

namespace penstock::sqlite {
namespace {

constexpr int kCheckpointPages = 4'000;
constexpr int64_t kFrameBytes = 4'096 + 24;
constexpr int64_t kLogBytes = kCheckpointPages * kFrameBytes;  // is seldom longer
constexpr int64_t kLeastBytes = int64_t{128} << 10;            // what a large commit takes
constexpr int64_t kMoreBytes = int64_t{1} << 20;
constexpr int kPieceBytes = 64 << 10;  // SQLite's own files take no more than 128 KiB at once

}  // namespace

void WalRoom::Serve(sqlite3* handle) { sqlite3_wal_hook(handle, &AfterCommit, this); }

int WalRoom::AfterCommit(void* self, sqlite3* handle, const char* database, int pages) {
  static_cast<WalRoom*>(self)->used_bytes_ = pages * kFrameBytes;
  if (pages >= kCheckpointPages) {
    // Like SQLite's own: that a reader still needs the pages is no failure of the commit.
    (void)sqlite3_wal_checkpoint_v2(handle, database, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  return SQLITE_OK;
}

// Not synced: the commit's sync does that. A disk that is full is the commit's to tell.
void WalRoom::Extend(sqlite3* handle) {
  const bool has_room = used_bytes_ + kLeastBytes <= room_bytes_ || room_bytes_ >= kLogBytes;
  if (used_bytes_ == 0 || has_room || is_refused_) return;
  sqlite3_file* file = nullptr;
  sqlite3_int64 size = 0;
  if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
    is_refused_ = true;
    return;
  }
  const int64_t wanted = size >= used_bytes_ + kLeastBytes ? size : used_bytes_ + kMoreBytes;
  static const std::vector<char> zeros(kPieceBytes);
  while (size < wanted && !is_refused_) {
    is_refused_ = file->pMethods->xWrite(file, zeros.data(), kPieceBytes, size) != SQLITE_OK;
    size += kPieceBytes;
  }
  room_bytes_ = size;
}

}  // namespace penstock::sqlite
