#include "server/search/run_match.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "common/ordered_double.h"

namespace penstock {
namespace {

template <typename List>
std::optional<std::string> ValueOfKey(const List& list, absl::string_view key) {
  for (const auto& one : list) {
    if (one.key() == key) return one.value();
  }
  return std::nullopt;
}

// The texts that a condition can be about; several of data sets, none if the run has none.
std::vector<std::string> TextsOfRun(const mlflow::Run& run, RunSubject subject, absl::string_view key) {
  std::vector<std::string> texts;
  const auto add = [&texts](std::optional<std::string> text) {
    if (text.has_value()) texts.push_back(*std::move(text));
  };
  switch (subject) {
    case RunSubject::kParameter:
      add(ValueOfKey(run.data().params(), key));
      break;
    case RunSubject::kTag:
      add(ValueOfKey(run.data().tags(), key));
      break;
    case RunSubject::kRunId:
      add(run.info().run_id());
      break;
    case RunSubject::kName:
      add(run.info().run_name());
      break;
    case RunSubject::kStatus:
      add(mlflow::RunStatus_Name(run.info().status()));
      break;
    case RunSubject::kUser:
      add(run.info().user_id());
      break;
    case RunSubject::kDescription:
      add(ValueOfKey(run.data().tags(), "mlflow.note.content"));
      break;
    case RunSubject::kArtifactUri:
      add(run.info().artifact_uri());
      break;
    default:
      for (const mlflow::DatasetInput& input : run.inputs().dataset_inputs()) {
        if (subject == RunSubject::kDatasetName) add(input.dataset().name());
        if (subject == RunSubject::kDatasetDigest) add(input.dataset().digest());
        if (subject == RunSubject::kDatasetContext) add(ValueOfKey(input.tags(), "mlflow.data.context"));
      }
  }
  return texts;
}

std::optional<double> NumberOfRun(const mlflow::Run& run, RunSubject subject, absl::string_view key) {
  if (subject == RunSubject::kStart) return static_cast<double>(run.info().start_time());
  if (subject == RunSubject::kEnd) {
    if (!run.info().has_end_time()) return std::nullopt;
    return static_cast<double>(run.info().end_time());
  }
  for (const mlflow::Metric& metric : run.data().metrics()) {
    if (metric.key() == key) return metric.value();
  }
  return std::nullopt;
}

// With % for any text and _ for any character; goes back only to the last %.
bool IsLike(absl::string_view text, absl::string_view pattern) {
  size_t at = 0;
  size_t in_pattern = 0;
  size_t mark = std::string::npos;
  size_t mark_at = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '%') {
      mark = in_pattern++;
      mark_at = at;
    } else if (in_pattern < pattern.size() &&
               (pattern[in_pattern] == '_' || pattern[in_pattern] == text[at])) {
      ++at;
      // A character of several bytes is one.
      if (pattern[in_pattern++] != '_') continue;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    } else if (mark != std::string::npos) {
      in_pattern = mark + 1;
      at = ++mark_at;
    } else {
      return false;
    }
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '%') ++in_pattern;
  return in_pattern == pattern.size();
}

bool TextSatisfies(const std::string& text, const RunCondition& condition) {
  const std::vector<std::string>& texts = condition.texts;
  switch (condition.op) {
    case SearchOp::kEqual:
      return text == texts.front();
    case SearchOp::kNotEqual:
      return text != texts.front();
    case SearchOp::kLike:
      return IsLike(text, texts.front());
    case SearchOp::kILike:
      return IsLike(absl::AsciiStrToLower(text), absl::AsciiStrToLower(texts.front()));
    case SearchOp::kIn:
      return std::find(texts.begin(), texts.end(), text) != texts.end();
    case SearchOp::kNotIn:
      return std::find(texts.begin(), texts.end(), text) == texts.end();
    default:
      return true;
  }
}

bool NumberSatisfies(double value, SearchOp op, double number) {
  switch (op) {
    case SearchOp::kEqual:
      return value == number;
    case SearchOp::kNotEqual:
      return value != number;
    case SearchOp::kLess:
      return value < number;
    case SearchOp::kLessOrEqual:
      return value <= number;
    case SearchOp::kGreater:
      return value > number;
    case SearchOp::kGreaterOrEqual:
      return value >= number;
    default:
      return true;
  }
}

bool IsNumber(RunSubject subject) {
  return subject == RunSubject::kMetric || subject == RunSubject::kStart || subject == RunSubject::kEnd;
}

bool Satisfies(const mlflow::Run& run, const RunCondition& condition) {
  if (IsNumber(condition.subject)) {
    const auto value = NumberOfRun(run, condition.subject, condition.key);
    if (condition.op == SearchOp::kIsNull) return !value.has_value();
    return value.has_value() && NumberSatisfies(*value, condition.op, condition.number);
  }
  const std::vector<std::string> texts = TextsOfRun(run, condition.subject, condition.key);
  if (condition.op == SearchOp::kIsNull) return texts.empty();
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return TextSatisfies(text, condition); });
}

}  // namespace

bool MlflowRunMatches(const mlflow::Run& run, const std::vector<RunCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const RunCondition& condition) { return Satisfies(run, condition); });
}

SearchPosition MlflowRunPosition(const mlflow::Run& run, const std::vector<RunOrder>& orders) {
  SearchPosition position;
  position.id = run.info().run_id();
  position.at_us = run.info().start_time() * 1000;
  for (const RunOrder& order : orders) {
    SearchValue& value = position.values.emplace_back();
    if (IsNumber(order.subject)) {
      const auto number = NumberOfRun(run, order.subject, order.key);
      if (!number.has_value()) continue;
      value = order.subject == RunSubject::kMetric ? OrderOfDouble(*number)
                                                   : static_cast<int64_t>(*number) * 1000;
    } else {
      std::vector<std::string> texts = TextsOfRun(run, order.subject, order.key);
      if (!texts.empty()) value = std::move(texts.front());
    }
  }
  return position;
}

}  // namespace penstock
