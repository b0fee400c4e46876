// Work that others do not wait for: what takes a disk or a network, off the thread that asks for it.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace penstock {

// Thread-safe.
class Worker {
 public:
  virtual ~Worker() = default;

  // Does the job later, on another thread, after all that was posted before. It tells its outcome itself, to
  // something that outlives it.
  virtual void Post(std::function<void()> job) = 0;
};

// One thread. What it was given is done before it ends.
class ThreadWorker final : public Worker {
 public:
  ThreadWorker();
  ~ThreadWorker() override;
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  void Post(std::function<void()> job) override;

 private:
  void Run();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock
