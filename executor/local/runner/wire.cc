#include "executor/local/runner/wire.h"

#include <cstring>
#include <type_traits>

namespace penstock::wire {
namespace {

// Values on the wire; never renumber.
enum class Type : uint8_t {
  kHello = 1,
  kStart = 2,
  kCancel = 3,
  kForget = 4,
  kStopIfIdle = 5,
  kWelcome = 64,
  kStarted = 65,
  kFinished = 66,
  kSnapshotEnd = 67,
  kStillNeeded = 68,
};

void PutFixed(uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t GetFixed(const char* data, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= uint64_t{static_cast<uint8_t>(data[i])} << (8 * i);
  return value;
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}
  void operator()(int64_t value) { PutFixed(static_cast<uint64_t>(value), 8, out_); }
  void operator()(Ending value) { (*this)(static_cast<int64_t>(value)); }
  void operator()(RecordsBegin value) { (*this)(static_cast<int64_t>(value)); }
  void operator()(const std::string& text) {
    PutFixed(text.size(), 4, out_);
    out_->append(text);
  }
  void operator()(const std::vector<std::string>& list) {
    PutFixed(list.size(), 4, out_);
    for (const std::string& text : list) (*this)(text);
  }

 private:
  std::string* out_;
};

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  void operator()(int64_t& value) { value = static_cast<int64_t>(Take(8)); }
  void operator()(Ending& value) { ReadEnum(Ending::kExited, Ending::kNotStarted, value); }
  void operator()(RecordsBegin& value) { ReadEnum(RecordsBegin::kNew, RecordsBegin::kCopied, value); }
  void operator()(std::string& text) {
    const uint64_t size = Take(4);
    if (size > data_.size()) {
      ok_ = false;
      return;
    }
    text.assign(data_.substr(0, size));
    data_.remove_prefix(size);
  }
  void operator()(std::vector<std::string>& list) {
    const uint64_t count = Take(4);
    if (count >
        data_.size() / 4) {  // each element has at least its length: a false count cannot reserve memory
      ok_ = false;
      return;
    }
    list.resize(count);
    for (std::string& text : list) (*this)(text);
  }

  bool Done() const { return ok_ && data_.empty(); }

 private:
  // What is missing reads as 0, so that callers need not look before Done.
  uint64_t Take(int bytes) {
    if (data_.size() < static_cast<size_t>(bytes)) {
      ok_ = false;
      return 0;
    }
    const uint64_t value = GetFixed(data_.data(), bytes);
    data_.remove_prefix(bytes);
    return value;
  }

  template <typename Enum>
  void ReadEnum(Enum first, Enum last, Enum& value) {
    const int64_t number = static_cast<int64_t>(Take(8));
    if (number < static_cast<int64_t>(first) || number > static_cast<int64_t>(last)) {
      ok_ = false;
      return;
    }
    value = static_cast<Enum>(number);
  }

  std::string_view data_;
  bool ok_ = true;
};

// One list of fields a message, for both directions.
template <typename Visitor>
void Fields(Visitor& visit, auto& message) {
  using Message = std::remove_cvref_t<decltype(message)>;
  if constexpr (std::is_same_v<Message, Hello>) {
    visit(message.version), visit(message.idle_exit_ms), visit(message.warm_bytes);
  } else if constexpr (std::is_same_v<Message, StartRequest>) {
    visit(message.id), visit(message.argv), visit(message.env), visit(message.work_dir),
        visit(message.log_path);
    visit(message.timeout_ms), visit(message.grace_ms), visit(message.log_limit_bytes);
    Fields(visit, message.warm);
  } else if constexpr (std::is_same_v<Message, WarmStart>) {
    visit(message.key), visit(message.words), visit(message.python), visit(message.home), visit(message.env);
    visit(message.module), visit(message.imports), visit(message.command), visit(message.lock);
    visit(message.note);
  } else if constexpr (std::is_same_v<Message, CancelRequest>) {
    visit(message.id);
  } else if constexpr (std::is_same_v<Message, ForgetRequest>) {
    visit(message.ids);
  } else if constexpr (std::is_same_v<Message, Welcome>) {
    visit(message.version), visit(message.pid), visit(message.complete_since_us),
        visit(message.records_begin);
  } else if constexpr (std::is_same_v<Message, Started>) {
    visit(message.id), visit(message.at_us);
  } else if constexpr (std::is_same_v<Message, Finished>) {
    visit(message.id), visit(message.ending), visit(message.exit_code), visit(message.signal);
    visit(message.started_at_us), visit(message.finished_at_us), visit(message.cpu_us);
    visit(message.max_rss_bytes), visit(message.message);
  }
}

constexpr Type TypeOf(const Hello&) { return Type::kHello; }
constexpr Type TypeOf(const StartRequest&) { return Type::kStart; }
constexpr Type TypeOf(const CancelRequest&) { return Type::kCancel; }
constexpr Type TypeOf(const ForgetRequest&) { return Type::kForget; }
constexpr Type TypeOf(const StopIfIdle&) { return Type::kStopIfIdle; }
constexpr Type TypeOf(const Welcome&) { return Type::kWelcome; }
constexpr Type TypeOf(const Started&) { return Type::kStarted; }
constexpr Type TypeOf(const Finished&) { return Type::kFinished; }
constexpr Type TypeOf(const SnapshotEnd&) { return Type::kSnapshotEnd; }
constexpr Type TypeOf(const StillNeeded&) { return Type::kStillNeeded; }

template <typename Variant>
void AppendFrame(const Variant& frame, std::string* out) {
  const size_t begin = out->size();
  // Its length is known, and put here, only at the end.
  PutFixed(0, 4, out);
  std::visit(
      [out](const auto& message) {
        out->push_back(static_cast<char>(TypeOf(message)));
        Writer writer(out);
        Fields(writer, message);
      },
      frame);
  std::string length;
  PutFixed(out->size() - begin - 4, 4, &length);
  out->replace(begin, 4, length);
}

template <typename Message, typename Variant>
bool ParseAs(std::string_view fields, Variant* frame) {
  Message message;
  Reader reader(fields);
  Fields(reader, message);
  if (!reader.Done()) return false;
  *frame = std::move(message);
  return true;
}

}  // namespace

void Append(const Request& request, std::string* out) { AppendFrame(request, out); }
void Append(const Event& event, std::string* out) { AppendFrame(event, out); }

bool Parse(std::string_view payload, Request* request) {
  if (payload.empty()) return false;
  const std::string_view fields = payload.substr(1);
  switch (static_cast<Type>(payload[0])) {
    case Type::kHello:
      return ParseAs<Hello>(fields, request);
    case Type::kStart:
      return ParseAs<StartRequest>(fields, request);
    case Type::kCancel:
      return ParseAs<CancelRequest>(fields, request);
    case Type::kForget:
      return ParseAs<ForgetRequest>(fields, request);
    case Type::kStopIfIdle:
      return ParseAs<StopIfIdle>(fields, request);
    default:
      return false;
  }
}

bool Parse(std::string_view payload, Event* event) {
  if (payload.empty()) return false;
  const std::string_view fields = payload.substr(1);
  switch (static_cast<Type>(payload[0])) {
    case Type::kWelcome:
      return ParseAs<Welcome>(fields, event);
    case Type::kStarted:
      return ParseAs<Started>(fields, event);
    case Type::kFinished:
      return ParseAs<Finished>(fields, event);
    case Type::kSnapshotEnd:
      return ParseAs<SnapshotEnd>(fields, event);
    case Type::kStillNeeded:
      return ParseAs<StillNeeded>(fields, event);
    default:
      return false;
  }
}

void FrameBuffer::Add(std::string_view bytes) {
  // Moves what is left only when more than that was read, so that it costs no more than what was added.
  if (read_ == bytes_.size()) {
    bytes_.clear();
    read_ = 0;
  } else if (read_ > bytes_.size() / 2) {
    bytes_.erase(0, read_);
    read_ = 0;
  }
  bytes_.append(bytes);
}

FrameBuffer::Result FrameBuffer::Next(std::string_view* payload) {
  if (bytes_.size() - read_ < 4) return Result::kNeedMore;
  const size_t size = GetFixed(bytes_.data() + read_, 4);
  if (size > kFrameBytes) return Result::kTooLarge;
  if (bytes_.size() - read_ - 4 < size) return Result::kNeedMore;
  *payload = std::string_view(bytes_).substr(read_ + 4, size);
  read_ += 4 + size;
  return Result::kFrame;
}

}  // namespace penstock::wire
