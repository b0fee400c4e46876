#include "server/convert/rerun_report.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/text.h"
#include "server/convert/run_comparison.h"

namespace penstock {
namespace {

using penstock::v1::RerunOutput;
using penstock::v1::RerunReport;

constexpr char kIdentical[] = "IDENTICAL";
constexpr char kDifferent[] = "DIFFERENT";
constexpr char kMissing[] = "MISSING";
constexpr char kNotComparable[] = "NOT_COMPARABLE";
constexpr char kPending[] = "PENDING";

const OutputFact* FindIn(const OutputFacts& facts, const OutputFacts::key_type& key) {
  const auto found = facts.find(key);
  return found == facts.end() ? nullptr : &found->second;
}

std::string Shown(const OutputFact* fact) {
  return fact == nullptr || !fact->is_known ? "" : Shorten(fact->text, limits::kComparisonValueBytes);
}

// Paths of tasks that have ended.
std::map<std::string, bool> EndedTasks(const RunAccount& facts) {
  std::map<std::string, bool> ended;
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks);
  for (const TaskRow& task : facts.tasks) ended[paths.at(task.task_id)] = IsFinal(task.state);
  return ended;
}

// Compares one output; either may be null, and not both. `may_come`: the rerun may put it out yet.
RerunOutput Compare(const OutputFact* original, const OutputFact* rerun, bool may_come) {
  RerunOutput out;
  out.set_original(Shown(original));
  out.set_rerun(Shown(rerun));
  if (rerun == nullptr && may_come) {
    out.set_result(kPending);
  } else if (rerun == nullptr) {
    out.set_result(kMissing);
    out.set_reason("The rerun did not put it out");
  } else if (original == nullptr) {
    out.set_result(kMissing);
    out.set_reason("Only the rerun put it out");
  } else if (!original->is_known || !rerun->is_known) {
    out.set_result(kNotComparable);
    out.set_reason("No hash of its content is known: it was too large to be read, or lies elsewhere");
  } else {
    out.set_result(original->text == rerun->text ? kIdentical : kDifferent);
  }
  return out;
}

void Count(const RerunOutput& output, RerunReport* report) {
  const std::string& result = output.result();
  if (result == kIdentical) report->set_identical(report->identical() + 1);
  if (result == kDifferent) report->set_different(report->different() + 1);
  if (result == kMissing) report->set_missing(report->missing() + 1);
  if (result == kNotComparable) report->set_not_comparable(report->not_comparable() + 1);
  if (result == kPending) report->set_pending(report->pending() + 1);
}

const char* VerdictOf(const RerunReport& report, bool has_ended) {
  if (report.different() > 0) return kDifferent;
  if (report.pending() > 0 || !has_ended) return kPending;
  return report.missing() + report.not_comparable() > 0 ? "INCOMPLETE" : kIdentical;
}

}  // namespace

RerunReport ReportRerun(const RunAccount& original, const RunAccount& rerun,
                        const AttemptDocuments& documents) {
  RerunReport report;
  report.set_run_id(rerun.run.run_id);
  report.set_original_run_id(original.run.run_id);
  const OutputFacts before = OutputsOf(original);
  const OutputFacts after = OutputsOf(rerun);
  const std::map<std::string, bool> ended = EndedTasks(rerun);
  const bool has_ended = IsFinal(rerun.run.state);
  OutputFacts both = before;
  both.insert(after.begin(), after.end());
  std::vector<RerunOutput> outputs;
  for (const auto& [key, fact] : both) {
    const auto task = ended.find(key.first);
    const bool may_come = !has_ended && (task == ended.end() || !task->second);
    RerunOutput output = Compare(FindIn(before, key), FindIn(after, key), may_come);
    output.set_task(key.first);
    output.set_name(key.second);
    Count(output, &report);
    outputs.push_back(std::move(output));
  }
  std::stable_partition(outputs.begin(), outputs.end(),
                        [](const RerunOutput& output) { return output.result() != kIdentical; });
  report.set_truncated(original.cut || rerun.cut ||
                       outputs.size() > static_cast<size_t>(limits::kRerunOutputs));
  if (outputs.size() > static_cast<size_t>(limits::kRerunOutputs)) outputs.resize(limits::kRerunOutputs);
  for (RerunOutput& output : outputs) *report.add_outputs() = std::move(output);
  penstock::v1::RunComparison comparison =
      CompareRuns({original, rerun}, documents, {.all = false, .surroundings_only = true});
  *report.mutable_surroundings() = std::move(*comparison.mutable_sections());
  if (comparison.truncated()) report.set_truncated(true);
  report.set_verdict(VerdictOf(report, has_ended));
  return report;
}

}  // namespace penstock
