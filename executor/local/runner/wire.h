// What the server and its supervisor (penstock-runner) say to each other over a Unix stream socket.
//
// A frame is a 4-byte little-endian length and that many bytes: one byte of type, then the fields of the
// struct in order. Integers are 8 bytes little-endian, text is a length and bytes, a list is a count and its
// elements. The client speaks first (Hello). The supervisor answers Welcome, then one Started for each
// attempt that runs, one Finished for each that ended and was not forgotten, and SnapshotEnd; from then on
// events follow as they happen. Uses the standard library only: the supervisor links it and must stay small.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace penstock::wire {

inline constexpr int64_t kVersion = 2;
// One frame without its length. A start with the largest arguments (limits::kArgumentsBytes) fits.
inline constexpr size_t kFrameBytes = size_t{4} << 20;
// Time without a bound, as StartRequest::timeout_ms.
inline constexpr int64_t kNoTimeout = -1;
// The variable that marks every process of an attempt, so that what is left of it can be found.
inline constexpr std::string_view kAttemptVariable = "PENSTOCK_ATTEMPT_ID";

// --- To the supervisor ---

struct Hello {
  int64_t version = kVersion;
  int64_t idle_exit_ms = 0;  // how long it stays with no client and nothing running
  int64_t warm_bytes = 0;    // memory that warm Pythons may take in all; 0: there are none
};

// What an attempt needs to begin as a fork of a warm Python (warm_python.h).
struct WarmStart {
  std::string key;     // of its Python environment; empty: it starts as a fresh process
  std::string words;   // what the environment is, for people
  std::string python;  // the interpreter in it, absolute
  std::string home;    // working directory of the warm process, which has a virtual environment in venv/
  std::vector<std::string> env;      // of the warm process
  std::string module;                // that the attempt runs
  std::vector<std::string> imports;  // packages to import beforehand in any case
  std::vector<std::string> command;  // of the attempt: the SDK's bootstrap of a Python component, without pip
  std::string lock;                  // of the shared environment that the attempt uses; empty: none
  std::string note;                  // what the attempt's log begins with
};

struct StartRequest {
  std::string id;  // graphic ASCII, at most limits::kIdBytes
  std::vector<std::string> argv;
  std::vector<std::string> env;  // NAME=value, the whole environment
  std::string work_dir;
  std::string log_path;
  int64_t timeout_ms = kNoTimeout;
  int64_t grace_ms = 0;         // between the polite and the hard end
  int64_t log_limit_bytes = 0;  // what is written beyond is dropped
  WarmStart warm;
};

struct CancelRequest {
  std::string id;
};

struct ForgetRequest {
  std::vector<std::string> ids;
};

// Exit if nothing runs and no other client is there; else StillNeeded is the answer.
struct StopIfIdle {};

using Request = std::variant<Hello, StartRequest, CancelRequest, ForgetRequest, StopIfIdle>;

// --- From the supervisor ---

// Why the records may lack attempts whose ids are older than Welcome::complete_since_us.
enum class RecordsBegin : int64_t {
  kNew = 1,      // there were no records before
  kRestart = 2,  // the machine was restarted: what was not on disk is gone
  kDamaged = 3,  // unreadable records were met
  kEvicted = 4,  // too many ended attempts were never forgotten, the oldest were dropped
  kCopied = 5,   // the directory is a copy: what the original did since then is not in its records
};

struct Welcome {
  int64_t version = kVersion;
  int64_t pid = 0;
  int64_t complete_since_us = 0;  // wall time; every attempt started since then is in the records
  RecordsBegin records_begin = RecordsBegin::kNew;
};

struct Started {
  std::string id;
  int64_t at_us = 0;  // wall time
};

enum class Ending : int64_t {
  kExited = 1,
  kSignaled = 2,
  kTimedOut = 3,
  kCancelled = 4,
  kLost = 5,        // it may have run, its end was not seen
  kNotStarted = 6,  // its program never ran
};

struct Finished {
  std::string id;
  Ending ending = Ending::kLost;
  int64_t exit_code = -1;  // -1: none
  int64_t signal = 0;      // 0: none
  int64_t started_at_us = 0;
  int64_t finished_at_us = 0;
  int64_t cpu_us = 0;  // user and system, with the children it waited for
  int64_t max_rss_bytes = 0;
  std::string message;  // for kLost and kNotStarted: a sentence, one line
};

struct SnapshotEnd {};

struct StillNeeded {};

using Event = std::variant<Welcome, Started, Finished, SnapshotEnd, StillNeeded>;

// Appends one whole frame to `out`.
void Append(const Request& request, std::string* out);
void Append(const Event& event, std::string* out);

// Reads the payload of one frame. False if it is not exactly one well-formed message.
bool Parse(std::string_view payload, Request* request);
bool Parse(std::string_view payload, Event* event);

// Cuts a byte stream into payloads. Not thread-safe.
class FrameBuffer {
 public:
  enum class Result { kFrame, kNeedMore, kTooLarge };

  void Add(std::string_view bytes);
  // kFrame: `payload` is valid until the next call. kTooLarge is final: the stream cannot be followed any
  // more.
  Result Next(std::string_view* payload);

 private:
  std::string bytes_;
  size_t read_ = 0;
};

}  // namespace penstock::wire
