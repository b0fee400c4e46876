// Lets ThreadSanitizer see absl::Mutex and absl::CondVar. Debian's Abseil is not instrumented, so that
// without this every lock looks like none. Linked into the tests of the tsan preset only: these definitions
// stand before the library's, call them, and tell the sanitizer what they order. The names are those of
// Debian 12's Abseil 20220623.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

template <typename Function>
Function* Next(const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol));
}

// The library evaluates conditions of other threads while it lets go of a lock; they hold it, in a way that
// the sanitizer cannot see.
class ConditionsRead {
 public:
  ConditionsRead() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~ConditionsRead() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const real = Next<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const real = Next<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  const ConditionsRead conditions;
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static auto* const real =
      Next<void(Mutex*, const Condition&)>("_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  {
    const ConditionsRead conditions;
    real(this, condition);
  }
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const real = Next<bool(Mutex*, const Condition&, Duration)>(
      "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  bool met;
  {
    const ConditionsRead conditions;
    met = real(this, condition, timeout);
  }
  __tsan_acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const real = Next<void(CondVar*, Mutex*)>("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  {
    const ConditionsRead conditions;
    real(this, mutex);
  }
  __tsan_acquire(mutex);
}

ABSL_NAMESPACE_END
}  // namespace absl
