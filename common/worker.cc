#include "common/worker.h"

#include <utility>

namespace penstock {

ThreadWorker::ThreadWorker() : thread_([this] { Run(); }) {}

ThreadWorker::~ThreadWorker() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void ThreadWorker::Post(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
}

void ThreadWorker::Run() {
  std::deque<std::function<void()>> jobs;
  const auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || !jobs_.empty(); };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      if (jobs_.empty()) return;
      jobs.swap(jobs_);
    }
    // Without the lock, so that Post never waits for a job.
    for (const std::function<void()>& job : jobs) job();
    jobs.clear();
  }
}

}  // namespace penstock
