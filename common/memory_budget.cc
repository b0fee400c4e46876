#include "common/memory_budget.h"

#include <utility>

namespace penstock {

MemoryDraw& MemoryDraw::operator=(MemoryDraw&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  beyond_ = std::exchange(other.beyond_, false);
  return *this;
}

bool MemoryDraw::Grow(int64_t bytes, absl::Duration longest) {
  if (budget_ == nullptr || !budget_->Take(bytes, bytes_ > 0, longest, &beyond_)) return false;
  bytes_ += bytes;
  return true;
}

void MemoryDraw::Set(int64_t bytes) {
  if (budget_ == nullptr || bytes == bytes_) return;
  budget_->Change(bytes - bytes_, bytes == 0 && beyond_);
  bytes_ = bytes;
  if (bytes == 0) beyond_ = false;
}

bool MemoryBudget::Take(int64_t bytes, bool holds, absl::Duration longest, bool* beyond) {
  absl::MutexLock lock(&mutex_);
  if (*beyond) {
    used_ += bytes;
    return true;
  }
  Waiter waiter{bytes, holds};
  waiting_.insert(holds ? waiting_.begin() : waiting_.end(), &waiter);
  Admit();
  if (!waiter.granted) mutex_.AwaitWithTimeout(absl::Condition(&waiter.granted), longest);
  if (waiter.granted) {
    *beyond = waiter.beyond;
    return true;
  }
  waiting_.remove(&waiter);
  Admit();  // it may have stood before others that fit
  return false;
}

bool MemoryBudget::TakeQuiet() {
  absl::MutexLock lock(&mutex_);
  return used_ == 0 && std::exchange(given_back_, false);
}

void MemoryBudget::Change(int64_t by, bool beyond_ends) {
  absl::MutexLock lock(&mutex_);
  used_ += by;
  given_back_ |= by < 0;
  if (beyond_ends) beyond_ = false;
  Admit();
}

void MemoryBudget::Admit() {
  while (!waiting_.empty()) {
    Waiter& first = *waiting_.front();
    if (used_ + first.bytes > capacity_) {
      if (beyond_ || !(first.holds || used_ == 0)) return;
      beyond_ = first.beyond = true;
    }
    used_ += first.bytes;
    first.granted = true;
    waiting_.pop_front();
  }
}

}  // namespace penstock
