// A worker whose jobs are done at once, in the caller's thread.
#pragma once

#include <functional>

#include "common/worker.h"

namespace penstock {

class InlineWorker final : public Worker {
 public:
  void Post(std::function<void()> job) override { job(); }
};

}  // namespace penstock
