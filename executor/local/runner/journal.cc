#include "executor/local/runner/journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

namespace penstock {
namespace {

constexpr char kFormat[] = "1";
constexpr size_t kChecksumChars = 9;               // eight hexadecimal digits and a space
constexpr size_t kLineBytes = size_t{64} << 10;    // longer is damage, not a record
constexpr size_t kPendingBytes = size_t{1} << 20;  // records kept while the disk takes none

uint32_t Checksum(std::string_view text) {  // FNV-1a: tells torn and zeroed lines, no more is needed
  uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  return hash;
}

std::string ChecksumText(std::string_view text) {
  char out[kChecksumChars + 1];
  std::snprintf(out, sizeof(out), "%08" PRIx32 " ", Checksum(text));
  return out;
}

std::string_view TakeWord(std::string_view* rest) {
  const size_t end = std::min(rest->find(' '), rest->size());
  const std::string_view word = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return word;
}

bool TakeNumber(std::string_view* rest, int64_t* value) {
  const std::string_view word = TakeWord(rest);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *value);
  return error == std::errc() && end == word.data() + word.size();
}

bool WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data.remove_prefix(n);
  }
  return true;
}

std::string Sentence(const char* what, const std::string& path) {
  return std::string(what) + " " + path + ": " + std::strerror(errno);
}

}  // namespace

bool Journal::Open(Options options, std::vector<LostProcess>* lost, std::string* error) {
  options_ = std::move(options);
  next_compact_bytes_ = options_.compact_bytes;
  Origin origin;
  if (!Replay(&origin, error)) return false;
  const bool same_boot = origin.boot_id == options_.boot_id;
  const bool is_copy = same_boot && !origin.place.empty() && origin.place != options_.place;
  // What cannot be read may have been any attempt, so the records are complete from now on only. After a
  // restart of the machine they are since it began: older ones may never have reached the disk.
  if (damaged_ > 0) {
    complete_since_us_ = options_.now_us;
    records_begin_ = wire::RecordsBegin::kDamaged;
  } else if (is_copy) {
    complete_since_us_ = options_.now_us;
    records_begin_ = wire::RecordsBegin::kCopied;
  } else if (!same_boot) {
    const bool none = origin.boot_id.empty();
    complete_since_us_ = none ? options_.now_us : std::max(complete_since_us_, options_.boot_at_us);
    records_begin_ = none ? wire::RecordsBegin::kNew : wire::RecordsBegin::kRestart;
  }
  if (is_copy) {
    EndAsLost("This is a copy of the data directory in which it ran, and how it ended is not known.",
              nullptr);
  } else if (same_boot) {
    EndAsLost("The supervisor that ran it died, and how it ended is not known.", lost);
  } else {
    EndAsLost("The machine was restarted while it ran, and how it ended is not known.", nullptr);
  }
  // At once, so that nothing is ever appended to a torn line.
  if (!Rewrite()) {
    *error = Sentence("cannot write the records in", options_.directory);
    return false;
  }
  return true;
}

// A later record of an attempt takes the place of earlier ones: what is in memory at the end is true.
bool Journal::Replay(Origin* origin, std::string* error) {
  const std::string path = options_.directory + "/journal";
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return true;
    *error = Sentence("cannot read the records", path);
    return false;
  }
  std::string buffer;
  char chunk[16 << 10];
  ssize_t n = 0;
  while ((n = read(file.get(), chunk, sizeof(chunk))) > 0) {
    buffer.append(chunk, n);
    size_t begin = 0;
    for (size_t end = 0; (end = buffer.find('\n', begin)) != std::string::npos; begin = end + 1) {
      damaged_ += ReplayLine(std::string_view(buffer).substr(begin, end - begin), origin) ? 0 : 1;
    }
    buffer.erase(0, begin);
    if (buffer.size() > kLineBytes) {
      buffer.clear();
      ++damaged_;
    }
  }
  if (n < 0) {
    *error = Sentence("cannot read the records", path);
    return false;
  }
  // What is left in the buffer is the torn last line of a supervisor that was killed while writing: never
  // acted upon.
  if (origin->boot_id.empty()) {
    ++damaged_;  // files appear whole, with a header
  }
  return true;
}

bool Journal::ReplayLine(std::string_view line, Origin* origin) {
  if (line.size() < kChecksumChars + 1) return false;
  std::string_view rest = line.substr(kChecksumChars);
  if (ChecksumText(rest) != line.substr(0, kChecksumChars)) return false;
  const std::string_view kind = TakeWord(&rest);
  if (kind == "H") {
    int64_t begin = 0;
    if (TakeWord(&rest) != kFormat) return false;
    origin->boot_id = std::string(TakeWord(&rest));
    if (!TakeNumber(&rest, &complete_since_us_) || !TakeNumber(&rest, &begin) ||
        begin < static_cast<int64_t>(wire::RecordsBegin::kNew) ||
        begin > static_cast<int64_t>(wire::RecordsBegin::kCopied)) {
      return false;
    }
    records_begin_ = static_cast<wire::RecordsBegin>(begin);
    origin->place = std::string(TakeWord(&rest));
    return true;
  }
  const std::string id(TakeWord(&rest));
  if (kind == "S") {
    Running& running = running_[id];
    return TakeNumber(&rest, &running.begun_at_us) && TakeNumber(&rest, &running.begun_boot_ns);
  }
  if (kind == "P") {
    Running& running = running_[id];
    int64_t pid = 0;
    const bool ok = TakeNumber(&rest, &pid) && TakeNumber(&rest, &running.spawned_boot_ns);
    running.pid = static_cast<pid_t>(pid);
    return ok;
  }
  if (kind == "F") {
    wire::Finished f{.id = id};
    int64_t ending = 0;
    const bool ok = TakeNumber(&rest, &ending) && TakeNumber(&rest, &f.exit_code) &&
                    TakeNumber(&rest, &f.signal) && TakeNumber(&rest, &f.started_at_us) &&
                    TakeNumber(&rest, &f.finished_at_us) && TakeNumber(&rest, &f.cpu_us) &&
                    TakeNumber(&rest, &f.max_rss_bytes);
    if (!ok || ending < static_cast<int64_t>(wire::Ending::kExited) ||
        ending > static_cast<int64_t>(wire::Ending::kNotStarted)) {
      return false;
    }
    f.ending = static_cast<wire::Ending>(ending);
    f.message = std::string(rest);
    running_.erase(id);
    KeepFinished(std::move(f));
    return true;
  }
  if (kind == "G") {
    DropFinished(id);
    return true;
  }
  return false;
}

// `lost` is null where their processes are gone, or not ours.
void Journal::EndAsLost(std::string_view why, std::vector<LostProcess>* lost) {
  for (const auto& [id, running] : running_) {
    if (lost != nullptr) lost->push_back({id, running.pid, running.begun_boot_ns, running.spawned_boot_ns});
    KeepFinished({.id = id,
                  .ending = wire::Ending::kLost,
                  .started_at_us = running.begun_at_us,
                  .finished_at_us = options_.now_us,
                  .message = std::string(why)});
  }
  running_.clear();
}

bool Journal::Rewrite() {
  std::string text;
  AddHeader(&text);
  for (const wire::Finished& finished : finished_) AddFinish(finished, &text);
  for (const auto& [id, running] : running_) {
    AddBegin(id, running, &text);
    if (running.pid != 0) AddSpawned(id, running, &text);
  }
  const std::string path = options_.directory + "/journal";
  const std::string next = path + ".new";
  UniqueFd file(open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  // Written beside and moved into place: there is one whole file at any time. The descriptor goes along. Not
  // synced; journal.h says why that is enough.
  if (!file.valid() || !WriteAll(file.get(), text) || rename(next.c_str(), path.c_str()) != 0) return false;
  fd_ = std::move(file);
  file_bytes_ = text.size();
  pending_.clear();  // all of it is in the new file
  must_rewrite_ = false;
  next_compact_bytes_ = std::max(options_.compact_bytes, 4 * file_bytes_);
  return true;
}

void Journal::AddLine(std::string_view line, std::string* out) const {
  out->append(ChecksumText(line)).append(line).push_back('\n');
}

void Journal::AddHeader(std::string* out) const {
  AddLine("H " + std::string(kFormat) + " " + options_.boot_id + " " + std::to_string(complete_since_us_) +
              " " + std::to_string(static_cast<int64_t>(records_begin_)) + " " + options_.place,
          out);
}

void Journal::AddBegin(const std::string& id, const Running& running, std::string* out) const {
  AddLine("S " + id + " " + std::to_string(running.begun_at_us) + " " + std::to_string(running.begun_boot_ns),
          out);
}

void Journal::AddSpawned(const std::string& id, const Running& running, std::string* out) const {
  AddLine("P " + id + " " + std::to_string(running.pid) + " " + std::to_string(running.spawned_boot_ns), out);
}

void Journal::AddFinish(const wire::Finished& f, std::string* out) const {
  std::string line = "F " + f.id;
  for (const int64_t number : {static_cast<int64_t>(f.ending), f.exit_code, f.signal, f.started_at_us,
                               f.finished_at_us, f.cpu_us, f.max_rss_bytes}) {
    line += " " + std::to_string(number);
  }
  line += " " + f.message;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<uint8_t>(c) < ' '; }, ' ');
  AddLine(line, out);
}

void Journal::KeepFinished(wire::Finished finished) {
  DropFinished(finished.id);
  finished_.push_back(std::move(finished));
  finished_index_[finished_.back().id] = std::prev(finished_.end());
}

void Journal::DropFinished(const std::string& id) {
  const auto it = finished_index_.find(id);
  if (it != finished_index_.end()) {
    finished_.erase(it->second);
    finished_index_.erase(it);
  }
}

void Journal::BeginStart(const std::string& id, int64_t now_us, int64_t boot_clock_ns) {
  Running& running = running_[id];
  running = {.begun_at_us = now_us, .begun_boot_ns = boot_clock_ns};
  AddBegin(id, running, &pending_);
}

void Journal::Spawned(const std::string& id, pid_t pid, int64_t boot_clock_ns) {
  Running& running = running_[id];
  running.pid = pid;
  running.spawned_boot_ns = boot_clock_ns;
  AddSpawned(id, running, &pending_);
}

void Journal::Finish(const wire::Finished& finished) {
  AddFinish(finished, &pending_);
  running_.erase(finished.id);
  KeepFinished(finished);
  while (finished_.size() > options_.max_finished) {
    // From here on an older id that is not known may be the one that goes. A later header takes the place of
    // the first.
    complete_since_us_ = std::max(complete_since_us_, finished.finished_at_us);
    records_begin_ = wire::RecordsBegin::kEvicted;
    AddHeader(&pending_);
    Forget(std::string(finished_.front().id));
  }
}

void Journal::Forget(const std::string& id) {
  if (finished_index_.count(id) > 0) {
    AddLine("G " + id, &pending_);
    DropFinished(id);
  }
}

bool Journal::Flush() {
  if (must_rewrite_) return Rewrite();
  if (WriteAll(fd_.get(), pending_)) {
    file_bytes_ += pending_.size();
    pending_.clear();
    return true;
  }
  const int write_error = errno;
  // A part may have been written: cut it off, or the next record would be glued to it.
  if (ftruncate(fd_.get(), static_cast<off_t>(file_bytes_)) != 0 || pending_.size() > kPendingBytes) {
    // Nothing is lost: what is in memory is whole, and the next call writes all of it.
    must_rewrite_ = true;
    pending_.clear();
  }
  errno = write_error;
  return false;
}

bool Journal::CompactIfLarge() {
  if (file_bytes_ <= next_compact_bytes_ || Rewrite()) return true;
  next_compact_bytes_ = 2 * file_bytes_;  // not at every turn
  return false;
}

}  // namespace penstock
