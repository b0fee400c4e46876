// A number of bytes that all work in progress shares, so that memory is bounded by bytes and not by counts. It knows
// nothing of what the bytes are for: who takes them estimates before, and says more exactly after.
#pragma once

#include <cstdint>
#include <list>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace penstock {

class MemoryBudget;

// What one piece of work holds, until it is destroyed. For one thread at a time.
class MemoryDraw {
 public:
  MemoryDraw() = default;
  MemoryDraw(MemoryDraw&& other) noexcept { *this = std::move(other); }
  MemoryDraw& operator=(MemoryDraw&& other) noexcept;
  ~MemoryDraw() { Release(); }

  // Takes more bytes, for which it waits its turn up to `longest`. False if they were not to be had by then.
  bool Grow(int64_t bytes, absl::Duration longest);
  // Holds this number of bytes from here on, without waiting: what it comes to is known by then.
  void Set(int64_t bytes);
  void Release() { Set(0); }
  int64_t bytes() const { return bytes_; }

 private:
  friend class MemoryBudget;
  explicit MemoryDraw(MemoryBudget* budget) : budget_(budget) {}

  MemoryBudget* budget_ = nullptr;
  int64_t bytes_ = 0;
  bool beyond_ = false;  // it has passed the capacity
};

// The capacity is passed by what is larger than all of it, when nothing else is held, and by one draw at a time that
// holds some and wants more; from then on that one gets all that it asks for. So everything has its turn, and those
// that hold some do not wait for each other. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t capacity_bytes) : capacity_(capacity_bytes) {}

  // A draw that holds nothing yet.
  MemoryDraw Begin() { return MemoryDraw(this); }

  // Whether anything was given back since the last call that asked, and nothing is held.
  bool TakeQuiet();

 private:
  friend class MemoryDraw;
  struct Waiter {
    int64_t bytes;
    bool holds;  // some already
    bool granted = false;
    bool beyond = false;
  };

  bool Take(int64_t bytes, bool holds, absl::Duration longest, bool* beyond);
  void Change(int64_t by, bool beyond_ends);
  void Admit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t capacity_;
  absl::Mutex mutex_;
  int64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  bool beyond_ ABSL_GUARDED_BY(mutex_) = false;  // somebody has passed the capacity
  bool given_back_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Waiter*> waiting_
      ABSL_GUARDED_BY(mutex_);  // those that hold some first, then in order of arrival
};

}  // namespace penstock
