#include "storage/postgres/notifier.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <pqxx/notification>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "common/log.h"
#include "storage/postgres/connection.h"

namespace penstock::postgres {
namespace {

constexpr char kChannel[] = "penstock_hints";
constexpr size_t kPayloadBytesMax = 7000;  // PostgreSQL's bound is 8000
constexpr size_t kOutgoingMax = 10'000;    // hints that wait for a database that is away; more are lost
constexpr int kPollMs = 30'000;
// Between two notifications of what watchers are to see. Those of work to do wait for nothing.
constexpr absl::Duration kChangesPause = absl::Milliseconds(20);
constexpr absl::Duration kReconnectPause = absl::Seconds(1);
constexpr absl::Duration kHintAnswerMax = absl::Seconds(5);  // also bounds how long the end waits

// The letter of a topic in a payload.
char LetterOf(Topic topic) {
  switch (topic) {
    case Topic::kRuns:
      return 'r';
    case Topic::kRecurringRuns:
      return 's';
    case Topic::kRunChanges:
      return 'c';
  }
  return 'r';
}

Topic TopicOf(char letter) {
  if (letter == 'c') return Topic::kRunChanges;
  return letter == 's' ? Topic::kRecurringRuns : Topic::kRuns;
}

}  // namespace

// One connection that listens. Not thread-safe; libpqxx's exceptions pass through.
class HintChannel {
 public:
  HintChannel(Connector& connector, std::function<void(const std::string&)> on_payload)
      : watchdog_(connector.watchdog()),
        connection_(Dial(connector.url())),
        socket_(DuplicateSocket(*connection_)),
        receiver_(std::make_unique<Receiver>(*connection_, std::move(on_payload))) {}
  ~HintChannel() {
    receiver_.reset();
    connection_.reset();
    close(socket_);
  }
  HintChannel(const HintChannel&) = delete;
  HintChannel& operator=(const HintChannel&) = delete;

  int socket() const { return socket_; }
  void Receive() {
    connection_->get_notifs();
    if (!connection_->is_open()) throw pqxx::broken_connection("the connection is closed");
  }

  // Statements in one round trip.
  void Run(const std::string& statements) {
    const Watchdog::Watch watch(watchdog_, socket_, kHintAnswerMax);
    pqxx::nontransaction session(*connection_);
    session.exec(statements);
  }
  std::string Quote(const std::string& text) { return connection_->quote(text); }

 private:
// libpqxx 6 knows no other way to listen; late versions 7 would rather have connection::listen.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  // Its connection has to outlive it.
  class Receiver final : public pqxx::notification_receiver {
   public:
    Receiver(pqxx::connection& connection, std::function<void(const std::string&)> on_payload)
        : pqxx::notification_receiver(connection, kChannel), on_payload_(std::move(on_payload)) {}
    void operator()(const std::string& payload, int) override { on_payload_(payload); }

   private:
    const std::function<void(const std::string&)> on_payload_;
  };
#pragma GCC diagnostic pop

  Watchdog& watchdog_;
  std::unique_ptr<pqxx::connection> connection_;
  const int socket_;  // a duplicate, so that it is never another's
  std::unique_ptr<Receiver> receiver_;
};

ListenNotifier::ListenNotifier(Connector& connector, std::string process_id)
    : connector_(connector),
      process_id_(std::move(process_id)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { Run(); });
}

ListenNotifier::~ListenNotifier() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  eventfd_write(wake_fd_, 1);
  thread_.join();
  close(wake_fd_);
}

void ListenNotifier::Notify(Topic topic, absl::string_view key) {
  // This process hears at once, the others through the database.
  Deliver(topic, key);
  {
    absl::MutexLock lock(&mutex_);
    if (outgoing_.size() + outgoing_changes_.size() >= kOutgoingMax) return;
    std::string line = absl::StrCat(std::string(1, LetterOf(topic)), key);
    if (topic == Topic::kRunChanges) {
      // The thread sees to those that wait already.
      const bool first = outgoing_changes_.empty();
      outgoing_changes_.insert(std::move(line));
      if (!first) return;
    } else {
      outgoing_.push_back(std::move(line));
    }
  }
  eventfd_write(wake_fd_, 1);
}

// A payload: the sender, then keys, one a line, each behind the letter of its topic.
void ListenNotifier::Hear(const std::string& payload) {
  const std::vector<absl::string_view> lines = absl::StrSplit(payload, '\n');
  // PostgreSQL gives a notification to its sender, too, if it listens.
  if (lines[0] == process_id_) return;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    Deliver(TopicOf(lines[i][0]), lines[i].substr(1));
  }
}

void ListenNotifier::Run() {
  std::unique_ptr<HintChannel> channel;
  while (true) {
    try {
      if (channel == nullptr) {
        channel =
            std::make_unique<HintChannel>(connector_, [this](const std::string& payload) { Hear(payload); });
        channel->Run(absl::StrCat("LISTEN ", kChannel));
      }
      if (!Exchange(*channel)) return;
    } catch (const std::exception& e) {
      // No more than that: hints may be lost, and who waits for them also polls.
      spdlog::debug("hints of other processes are not heard error={}", LogValue(e.what()));
      channel.reset();
    }
    if (channel == nullptr) {
      // Not woken by hints, which would each try to connect.
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stop_), kReconnectPause)) return;
      continue;
    }
    pollfd waits[] = {{wake_fd_, POLLIN, 0}, {channel->socket(), POLLIN, 0}};
    poll(waits, 2, PollMs());
    eventfd_t ignored;
    eventfd_read(wake_fd_, &ignored);
    absl::MutexLock lock(&mutex_);
    if (stop_) return;
  }
}

// Until what waits is to be sent.
int ListenNotifier::PollMs() {
  absl::MutexLock lock(&mutex_);
  if (outgoing_changes_.empty()) return kPollMs;
  const absl::Duration left = changes_sent_at_ + kChangesPause - RealClock::Instance().Now();
  return std::clamp<int>(static_cast<int>(absl::ToInt64Milliseconds(left)) + 1, 1, kPollMs);
}

// Receives and sends what there is. False when the notifier stops.
bool ListenNotifier::Exchange(HintChannel& channel) {
  channel.Receive();
  std::vector<std::string> keys;
  {
    absl::MutexLock lock(&mutex_);
    if (stop_) return false;
    keys.swap(outgoing_);
    const absl::Time now = RealClock::Instance().Now();
    if (!outgoing_changes_.empty() && now >= changes_sent_at_ + kChangesPause) {
      keys.insert(keys.end(), outgoing_changes_.begin(), outgoing_changes_.end());
      outgoing_changes_.clear();
      changes_sent_at_ = now;
    }
  }
  std::string statements;
  std::string payload;
  const auto flush = [&] {
    absl::StrAppend(&statements, "SELECT pg_notify('", kChannel, "', ", channel.Quote(process_id_ + payload),
                    "); ");
    payload.clear();
  };
  for (const std::string& key : keys) {
    if (payload.size() + key.size() > kPayloadBytesMax) flush();
    absl::StrAppend(&payload, "\n", key);
  }
  if (!payload.empty()) flush();
  if (!statements.empty()) {
    channel.Run(statements);
    channel.Receive();  // what came along with the answer is not in the socket any more
  }
  return true;
}

}  // namespace penstock::postgres
