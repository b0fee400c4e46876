// The engine's use of the cache: lookups on their way between the engine's thread, the worker's and the database.
#include <utility>

#include "common/limits.h"
#include "common/status_macros.h"
#include "scheduler/engine.h"
#include "storage/cache_store.h"

namespace penstock {

// Looks ready tasks up, until no more become ready by it or this pass has looked up enough.
absl::Status Engine::ServeFromCache(absl::Time now, PassResult& result) {
  int left = limits::kCacheLookups;
  RETURN_IF_ERROR(Advance(news_.lookups, now, result));
  while (true) {
    CacheLookups begun = BeginLookups(&left);
    // What was asked of the worker may be answered already.
    CacheLookups answered = inbox_->TakeLookups();
    if (begun.empty() && answered.empty()) break;
    RETURN_IF_ERROR(Advance(std::move(begun), now, result));
    RETURN_IF_ERROR(Advance(std::move(answered), now, result));
  }
  for (const auto& [run_id, run] : runs_) result.more |= run.has_lookups();
  return absl::OkStatus();
}

CacheLookups Engine::BeginLookups(int* left) {
  CacheLookups begun;
  for (auto& [run_id, run] : runs_) {
    for (; run.has_lookups() && *left > 0; --*left) {
      const int task = *run.TakeLookup();
      if (auto lookup = cache_.Begin(run, task)) {
        run.cache().SetLookup(task, lookup.get());
        begun.push_back(std::move(lookup));
      } else {
        run.EnqueueStart(task);
      }
    }
  }
  return begun;
}

// Takes each lookup as far as it goes without an answer about content.
absl::Status Engine::Advance(CacheLookups lookups, absl::Time now, PassResult& result) {
  CacheLookups to_post;
  std::vector<std::pair<ActiveRun*, CacheLookup*>> to_ask;
  CacheLookups to_settle;
  for (auto& lookup : lookups) {
    const auto run = runs_.find(lookup->run_id);
    // The run may have ended or been read afresh since it asked: then nobody waits for this answer.
    if (run == runs_.end() || !run->second.cache().IsLookup(lookup->task, lookup.get())) continue;
    if (!cache_.Unknown(*lookup).empty()) {
      to_post.push_back(std::move(lookup));
      continue;
    }
    if (lookup->outputs == nullptr) to_ask.emplace_back(&run->second, lookup.get());
    to_settle.push_back(std::move(lookup));
  }
  if (!to_ask.empty()) RETURN_IF_ERROR(cache_.Ask(to_ask, now));
  for (auto& lookup : to_settle) {
    if (!cache_.Unknown(*lookup).empty()) {  // of the outputs that were found
      to_post.push_back(std::move(lookup));
      continue;
    }
    ActiveRun& run = runs_.at(lookup->run_id);
    run.cache().DropLookup(lookup->task);
    cache_.Settle(*lookup);
    Apply(run, *lookup, now, result);
  }
  if (!to_post.empty()) PostLookups(std::move(to_post));
  return absl::OkStatus();
}

void Engine::PostLookups(CacheLookups lookups) {
  std::vector<std::pair<std::shared_ptr<CacheLookup>, std::vector<std::string>>> questions;
  for (auto& lookup : lookups) {
    std::vector<std::string> unknown = cache_.Unknown(*lookup);
    questions.emplace_back(std::move(lookup), std::move(unknown));
  }
  parts_.worker.Post([inbox = inbox_, &content = parts_.content, questions = std::move(questions)] {
    // All in one question: what lies in an object store is asked over a network.
    std::vector<std::string> all;
    for (const auto& [lookup, uris] : questions) all.insert(all.end(), uris.begin(), uris.end());
    const std::vector<std::string> versions = content.Versions(all);
    CacheLookups answered;
    size_t next = 0;
    for (const auto& [lookup, uris] : questions) {
      for (const std::string& uri : uris) lookup->versions[uri] = versions[next++];
      answered.push_back(lookup);
    }
    inbox->Add(std::move(answered));
  });
}

// Acts on what the cache said.
void Engine::Apply(ActiveRun& run, CacheLookup& lookup, absl::Time now, PassResult& result) {
  const int task = lookup.task;
  std::string text = CacheDecisionText(lookup.decision);
  if (lookup.decision.result != CacheResult::kHit) {
    run.cache().SetDecision(task, std::move(text));
    if (lookup.decision.result == CacheResult::kMiss) run.cache().SetMissed(task, std::move(lookup.decision));
    run.EnqueueStart(task);
    return;
  }
  ++result.from_cache;
  run.commit().cache_decisions[task] = std::move(text);
  run.commit().inputs.emplace_back(task, lookup.inputs);
  run.commit().reused.emplace_back(task, lookup.outputs);
  run.Decide(TaskFoundInCache{task, lookup.outputs}, now);
}

}  // namespace penstock
