// The supervisor's records: which attempts it began and how they ended, so that no attempt runs twice and no
// end is forgotten when the supervisor or the server dies.
//
// One line a record, checksummed, appended in the order of events to `<directory>/journal`:
//
//   H  header: the boot, from when on the records are complete, and which directory they are of
//   S  about to start
//   P  its process
//   F  ended
//   G  forgotten
//
// A record survives the death of the supervisor as soon as Flush returned. It need not survive the machine:
// nothing is synced to disk. After a restart of the machine (another boot id) the header therefore says from
// when on the records are complete, and who asks for an older attempt that is not in them must take it as one
// that may have run. The same holds for a copy of the directory: attempts that were begun before are lost to
// it, and their processes, which are the original's, are left alone.
//
// Not thread-safe. Standard library only. Times are wall times in microseconds unless named otherwise.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "executor/local/runner/wire.h"
#include "executor/posix/unique_fd.h"

namespace penstock {

// A process of an earlier supervisor that may still be there. Times since boot, in nanoseconds.
struct LostProcess {
  std::string attempt_id;
  pid_t pid = 0;  // 0: its start was not recorded
  int64_t started_after_ns = 0;
  int64_t started_before_ns = 0;
};

class Journal {
 public:
  struct Options {
    std::string directory;
    std::string boot_id;     // of this boot
    std::string place;       // tells the directory from its copies in this boot, without spaces
    int64_t boot_at_us = 0;  // when this boot began
    int64_t now_us = 0;
    size_t compact_bytes = size_t{4} << 20;  // a file larger than this and mostly history is written anew
    size_t max_finished = 65'536;            // ended attempts kept that nobody forgot; the oldest go first
  };

  // Reads the records of earlier supervisors and begins a new file with what still matters. Attempts that had
  // begun and not ended are given their end, kLost; `lost` are those among them whose processes may be alive
  // (same boot). False, with a sentence in `error`, if the directory cannot be read or written.
  bool Open(Options options, std::vector<LostProcess>* lost, std::string* error);

  // Buffered until Flush. BeginStart goes before the process, Spawned after it, Finish before anyone is told.
  void BeginStart(const std::string& id, int64_t now_us, int64_t boot_clock_ns);
  void Spawned(const std::string& id, pid_t pid, int64_t boot_clock_ns);
  void Finish(const wire::Finished& finished);
  // Nothing happens if the attempt has not ended.
  void Forget(const std::string& id);

  // Writes what is buffered. False, with errno, if it could not: nothing of it is in the file then, and the
  // next call tries again.
  bool Flush();

  // Writes the file anew if it is large and mostly history. False if that failed: the old file goes on.
  bool CompactIfLarge();

  bool Knows(const std::string& id) const { return running_.count(id) > 0 || finished_index_.count(id) > 0; }
  // Ended and not forgotten, oldest first.
  const std::list<wire::Finished>& finished() const { return finished_; }
  int64_t complete_since_us() const { return complete_since_us_; }
  wire::RecordsBegin records_begin() const { return records_begin_; }
  int64_t damaged_records() const { return damaged_; }

 private:
  struct Running {
    int64_t begun_at_us = 0;
    int64_t begun_boot_ns = 0;
    int64_t spawned_boot_ns = 0;
    pid_t pid = 0;
  };

  // What the header says of who wrote the records.
  struct Origin {
    std::string boot_id;
    std::string place;  // empty: written before there were such
  };

  bool Replay(Origin* origin, std::string* error);
  bool ReplayLine(std::string_view line, Origin* origin);
  void EndAsLost(std::string_view why, std::vector<LostProcess>* lost);
  bool Rewrite();
  void AddLine(std::string_view line, std::string* out) const;
  void AddHeader(std::string* out) const;
  void AddBegin(const std::string& id, const Running& running, std::string* out) const;
  void AddSpawned(const std::string& id, const Running& running, std::string* out) const;
  void AddFinish(const wire::Finished& finished, std::string* out) const;
  void KeepFinished(wire::Finished finished);
  void DropFinished(const std::string& id);

  Options options_;
  UniqueFd fd_;
  std::string pending_;
  size_t file_bytes_ = 0;
  size_t next_compact_bytes_ = 0;
  bool must_rewrite_ = false;  // records are missing in the file; what is in memory is whole
  int64_t complete_since_us_ = 0;
  wire::RecordsBegin records_begin_ = wire::RecordsBegin::kNew;
  int64_t damaged_ = 0;
  std::unordered_map<std::string, Running> running_;
  std::list<wire::Finished> finished_;
  std::unordered_map<std::string, std::list<wire::Finished>::iterator> finished_index_;
};

}  // namespace penstock
