// Hints between the processes of one database, by LISTEN and NOTIFY.
#pragma once

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/notifier.h"
#include "storage/postgres/pool.h"

namespace penstock::postgres {

// One thread with one connection sends and hears. While the database is away hints stay within this process.
class ListenNotifier final : public Notifier {
 public:
  // `connector` outlives this; `process_id` tells this process's own hints from others'.
  ListenNotifier(Connector& connector, std::string process_id);
  ~ListenNotifier() override;

  // Delivers here at once and hands the hint to the thread for the others.
  void Notify(Topic topic, absl::string_view key) override;

 private:
  void Run();
  int PollMs();
  bool Exchange(class HintChannel& channel);
  void Hear(const std::string& payload);

  Connector& connector_;  // for URL and watchdog: hints have no part in its back-off
  const std::string process_id_;
  const int wake_fd_;  // an eventfd
  absl::Mutex mutex_;
  std::vector<std::string> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> outgoing_changes_ ABSL_GUARDED_BY(mutex_);
  absl::Time changes_sent_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock::postgres
