#include "server/handlers/log.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "content/uri.h"
#include "server/errors.h"
#include "server/handlers/byte_stream.h"
#include "server/handlers/page_token.h"
#include "server/validate.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"

namespace penstock {
namespace {

constexpr absl::Duration kFollowInterval = absl::Milliseconds(200);
constexpr int kLogMatchesDefault = 100;
constexpr size_t kSearchBytes = 1 << 20;  // read at once
constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();

template <typename Request>
absl::StatusOr<TaskAttemptRow> FindAttempt(RequestContext& context, const Request& request) {
  TaskAttemptRow attempt;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(attempt, TaskAttemptFind(tx, request.run_id(), request.task_id(), request.attempt()));
    return absl::OkStatus();
  }));
  return attempt;
}

// Where the copy of a log lies whose attempt is gone from the place that it ran at; empty if there is none.
absl::StatusOr<std::string> LogCopyOf(RequestContext& context, const std::string& run_id,
                                      absl::string_view uri) {
  RunConfigRow config;
  const absl::Status found = context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(config, RunConfigGet(tx, run_id));
    return absl::OkStatus();
  });
  if (absl::IsNotFound(found)) return std::string();  // the run was deleted meanwhile
  RETURN_IF_ERROR(found);
  std::string copy = LogCopyUri(config.pipeline_root, uri);
  return IsObjectUri(copy) && context.deps.content.Serves(copy) ? copy : std::string();
}

// The log of an attempt at `*uri`, or at that of its copy, which `*uri` is then; null of a task that wrote nothing.
absl::StatusOr<std::unique_ptr<ContentReader>> OpenLog(RequestContext& context, const TaskAttemptRow& attempt,
                                                       std::string* uri) {
  auto opened = context.deps.content.Open(*uri);
  if (!absl::IsNotFound(opened.status())) return opened;
  // A copy is made at the end.
  if (attempt.outcome.empty()) return nullptr;
  ASSIGN_OR_RETURN(std::string copy, LogCopyOf(context, attempt.run_id, *uri));
  if (copy.empty()) return nullptr;
  opened = context.deps.content.Open(copy);
  if (absl::IsNotFound(opened.status())) return nullptr;
  *uri = std::move(copy);
  return opened;
}

// Where the first line begins of the last `tail` bytes: all of them if there is no end of a line.
absl::StatusOr<int64_t> TailOffset(RequestContext& context, ContentReader& reader, const std::string& uri,
                                   int64_t tail) {
  ASSIGN_OR_RETURN(const ContentInfo info, context.deps.content.Stat(uri));
  if (info.size_bytes <= tail) return 0;
  const int64_t begin = info.size_bytes - tail;
  std::string buffer(kChunkBytes, '\0');
  for (int64_t offset = begin; offset < info.size_bytes;) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, reader.Read(offset, absl::MakeSpan(buffer)));
    if (bytes.empty()) break;
    const size_t end = bytes.find('\n');
    if (end != bytes.npos) return offset + static_cast<int64_t>(end) + 1;
    offset += static_cast<int64_t>(bytes.size());
  }
  return begin;
}

absl::Status CheckPlace(const penstock::v1::ReadTaskLogRequest& request) {
  if (request.offset_bytes() < 0 || request.attempt() < 0 || request.tail_bytes() < 0 ||
      request.limit_bytes() < 0) {
    return error::LogNumberNegative();
  }
  if (request.tail_bytes() > 0 && request.offset_bytes() > 0) {
    return error::FieldsExclude("tail_bytes", "offset_bytes");
  }
  if (request.follow() && request.limit_bytes() > 0) return error::FieldsExclude("limit_bytes", "follow");
  return absl::OkStatus();
}

}  // namespace

absl::Status TaskLogRead(RequestContext& context, const penstock::v1::ReadTaskLogRequest& request,
                         const LogSink& sink) {
  RETURN_IF_ERROR(CheckPlace(request));
  ASSIGN_OR_RETURN(TaskAttemptRow attempt, FindAttempt(context, request));
  std::string uri = WithScheme(attempt.log_path);
  std::unique_ptr<ContentReader> reader;
  int64_t offset = request.offset_bytes();
  const int64_t end = request.limit_bytes() > 0 ? offset + request.limit_bytes() : kNoEnd;
  static std::atomic<int> followers{0};
  const auto leave = absl::MakeCleanup([&request] {
    if (request.follow()) --followers;
  });
  // Counts itself first and looks then, so that two at once do not both take the last place.
  if (request.follow() && ++followers > limits::kLogFollowers) {
    return error::LogFollowersTooMany(limits::kLogFollowers);
  }
  // Says where it begins, and that there is a log before its first line, which may be long in coming.
  penstock::v1::LogChunk first;
  if (request.tail_bytes() > 0) {
    ASSIGN_OR_RETURN(reader, OpenLog(context, attempt, &uri));
    if (reader != nullptr) {
      ASSIGN_OR_RETURN(offset, TailOffset(context, *reader, uri, request.tail_bytes()));
    }
  }
  first.set_offset_bytes(offset);
  if ((request.follow() || offset > 0) && !sink(first)) return absl::OkStatus();
  while (true) {
    // What was running before the read has nothing more to write after it has ended.
    const bool running = attempt.outcome.empty();
    if (reader == nullptr) {
      ASSIGN_OR_RETURN(reader, OpenLog(context, attempt, &uri));
    }
    if (reader != nullptr) {
      ASSIGN_OR_RETURN(const bool wanted, SendBytes<penstock::v1::LogChunk>(*reader, sink, end, &offset));
      if (!wanted) return absl::OkStatus();
    }
    if (!running || !request.follow() || context.is_cancelled()) return absl::OkStatus();
    Pause(kFollowInterval);
    auto now = FindAttempt(context, request);
    if (absl::IsNotFound(now.status())) return absl::OkStatus();  // the run was deleted meanwhile
    RETURN_IF_ERROR(now.status());
    if (now->attempt_id != attempt.attempt_id) {
      attempt.outcome = "LOST";  // a later attempt runs: this one has ended
    }
    if (now->attempt_id == attempt.attempt_id) attempt = *std::move(now);
  }
}

// --- Search ---

namespace {

// Goes through a log line by line, and holds no more of a long one than kLineBytes.
class LogSearch {
 public:
  LogSearch(const penstock::v1::SearchTaskLogRequest& request, int page_size,
            penstock::v1::SearchTaskLogResponse* reply)
      : wanted_(absl::AsciiStrToLower(request.text())),
        page_size_(page_size),
        line_number_(std::max<int64_t>(1, request.line_number())),
        line_begin_(request.offset_bytes()),
        reply_(reply) {}

  // True once the page is full.
  bool Take(absl::string_view bytes) {
    while (!bytes.empty()) {
      const size_t end = bytes.find('\n');
      Add(bytes.substr(0, end));
      if (end == bytes.npos) return false;
      bytes.remove_prefix(end + 1);
      if (EndLine(1)) return true;
    }
    return false;
  }

  // The last line may have no end.
  void Finish() {
    if (length_ > 0) (void)EndLine(0);
  }

  int64_t line_begin() const { return line_begin_; }
  int64_t line_number() const { return line_number_; }

 private:
  // What is kept of a line is its end, of which the text that is looked for may be a part.
  void Add(absl::string_view part) {
    length_ += static_cast<int64_t>(part.size());
    while (!part.empty()) {
      const absl::string_view piece = part.substr(0, limits::kLogSearchLineBytes);
      part.remove_prefix(piece.size());
      if (found_.empty()) {
        absl::StrAppend(&held_, piece);
        const size_t at = absl::AsciiStrToLower(held_).find(wanted_);
        if (at != std::string::npos) {
          found_ = held_.substr(at > kBefore ? at - kBefore : 0, limits::kLogMatchBytes);
        } else if (held_.size() > static_cast<size_t>(limits::kLogSearchLineBytes)) {
          held_.erase(0, held_.size() - wanted_.size());
        }
      } else if (found_.size() < static_cast<size_t>(limits::kLogMatchBytes)) {
        absl::StrAppend(&found_, piece.substr(0, limits::kLogMatchBytes - found_.size()));
      }
    }
  }

  bool EndLine(int64_t end_bytes) {
    if (!found_.empty()) {
      auto* match = reply_->add_matches();
      match->set_line_number(line_number_);
      match->set_offset_bytes(line_begin_);
      match->set_line(ReplaceInvalidUtf8(found_));
    }
    line_begin_ += length_ + end_bytes;
    ++line_number_;
    length_ = 0;
    held_.clear();
    found_.clear();
    return reply_->matches_size() >= page_size_;
  }

  static constexpr size_t kBefore = 100;  // bytes before a match that are shown with it

  const std::string wanted_;
  const int page_size_;
  int64_t line_number_;
  int64_t line_begin_;
  int64_t length_ = 0;  // of the line, as far as it was read
  std::string held_;
  std::string found_;
  penstock::v1::SearchTaskLogResponse* reply_;
};

}  // namespace

absl::Status TaskLogSearch(RequestContext& context, const penstock::v1::SearchTaskLogRequest& request,
                           penstock::v1::SearchTaskLogResponse* reply) {
  if (request.offset_bytes() < 0 || request.attempt() < 0 || request.line_number() < 0) {
    return error::LogNumberNegative();
  }
  if (request.text().empty()) return error::FieldRequired("text", "it is what is looked for");
  if (request.text().size() > limits::kLogSearchTextBytes) {
    return error::FieldTooLong("text", request.text().size(), limits::kLogSearchTextBytes);
  }
  ASSIGN_OR_RETURN(const int page_size,
                   PageSizeOf(request.page_size(), kLogMatchesDefault, limits::kLogMatches));
  ASSIGN_OR_RETURN(const TaskAttemptRow attempt, FindAttempt(context, request));
  std::string uri = WithScheme(attempt.log_path);
  ASSIGN_OR_RETURN(const auto reader, OpenLog(context, attempt, &uri));
  if (reader == nullptr) return absl::OkStatus();
  LogSearch search(request, page_size, reply);
  std::string buffer(kSearchBytes, '\0');
  const int64_t end = request.offset_bytes() + limits::kLogSearchBytes;
  for (int64_t offset = request.offset_bytes(); !context.is_cancelled();) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, reader->Read(offset, absl::MakeSpan(buffer)));
    if (bytes.empty()) {
      search.Finish();
      return absl::OkStatus();
    }
    offset += static_cast<int64_t>(bytes.size());
    if (search.Take(bytes) || (offset >= end && search.line_begin() > request.offset_bytes())) break;
  }
  reply->set_next_offset_bytes(search.line_begin());
  reply->set_next_line_number(search.line_number());
  return absl::OkStatus();
}

}  // namespace penstock
