#include "server/search/run_filter.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr char kKnown[] =
    "metrics.KEY, params.KEY, tags.KEY, dataset.name, dataset.digest, dataset.context, and the attributes "
    "run_id, "
    "run_name, status, user_id, artifact_uri, start_time and end_time";
constexpr char kKnownOrders[] =
    "metrics.KEY, params.KEY, tags.KEY, and the attributes run_id, run_name, status, user_id, artifact_uri, "
    "start_time "
    "and end_time";

struct Subject {
  RunSubject subject;
  SearchKind kind;
};

bool IsOneOf(absl::string_view text, std::initializer_list<absl::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::optional<Subject> AttributeOf(absl::string_view key) {
  if (key == "run_id") return Subject{RunSubject::kRunId, SearchKind::kTextList};
  if (IsOneOf(key, {"run_name", "run name", "Run name", "Run Name"})) {
    return Subject{RunSubject::kName, SearchKind::kText};
  }
  if (key == "status") return Subject{RunSubject::kStatus, SearchKind::kText};
  if (key == "user_id") return Subject{RunSubject::kUser, SearchKind::kText};
  if (key == "artifact_uri") return Subject{RunSubject::kArtifactUri, SearchKind::kText};
  if (IsOneOf(key, {"start_time", "created", "Created"})) {
    return Subject{RunSubject::kStart, SearchKind::kNumber};
  }
  if (key == "end_time") return Subject{RunSubject::kEnd, SearchKind::kNumber};
  return std::nullopt;
}

std::optional<Subject> DatasetKeyOf(absl::string_view key) {
  if (key == "name") return Subject{RunSubject::kDatasetName, SearchKind::kTextList};
  if (key == "digest") return Subject{RunSubject::kDatasetDigest, SearchKind::kTextList};
  if (key == "context") return Subject{RunSubject::kDatasetContext, SearchKind::kTextList};
  return std::nullopt;
}

std::optional<Subject> SubjectOf(absl::string_view entity, absl::string_view key) {
  if (entity.empty() || IsOneOf(entity, {"attributes", "attribute", "attr", "run"})) return AttributeOf(key);
  if (IsOneOf(entity, {"metrics", "metric"})) return Subject{RunSubject::kMetric, SearchKind::kNumber};
  if (IsOneOf(entity, {"params", "param", "parameters", "parameter"})) {
    return Subject{RunSubject::kParameter, SearchKind::kTextOrNot};
  }
  if (IsOneOf(entity, {"tags", "tag"})) {
    // These two are kept with the run itself.
    if (key == "mlflow.runName") return Subject{RunSubject::kName, SearchKind::kTextOrNot};
    if (key == "mlflow.note.content") return Subject{RunSubject::kDescription, SearchKind::kTextOrNot};
    return Subject{RunSubject::kTag, SearchKind::kTextOrNot};
  }
  if (IsOneOf(entity, {"datasets", "dataset"})) return DatasetKeyOf(key);
  return std::nullopt;
}

std::string NameOf(const SearchComparison& comparison) {
  return QuoteForMessage(comparison.entity.empty() ? comparison.key
                                                   : absl::StrCat(comparison.entity, ".", comparison.key));
}

absl::Status WrongAt(const SearchComparison& comparison, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("Invalid filter at character ", comparison.place, ": ", NameOf(comparison), " ", reason));
}

bool Suits(SearchOp op, SearchKind kind) {
  switch (op) {
    case SearchOp::kEqual:
    case SearchOp::kNotEqual:
      return true;
    case SearchOp::kLess:
    case SearchOp::kLessOrEqual:
    case SearchOp::kGreater:
    case SearchOp::kGreaterOrEqual:
      return kind == SearchKind::kNumber;
    case SearchOp::kLike:
    case SearchOp::kILike:
      return kind == SearchKind::kText || kind == SearchKind::kTextOrNot || kind == SearchKind::kTextList;
    case SearchOp::kIn:
    case SearchOp::kNotIn:
      return kind == SearchKind::kTextList || kind == SearchKind::kId;
    case SearchOp::kIsNull:
    case SearchOp::kIsNotNull:
      return kind == SearchKind::kTextOrNot;
  }
  return false;
}

absl::string_view OperatorsOf(SearchKind kind) {
  switch (kind) {
    case SearchKind::kNumber:
      return "takes =, !=, <, <=, >, >= and a number without quotes";
    case SearchKind::kText:
      return "takes =, !=, LIKE, ILIKE and a text in quotes";
    case SearchKind::kTextOrNot:
      return "takes =, !=, LIKE, ILIKE and a text in quotes, or IS NULL, IS NOT NULL";
    case SearchKind::kTextList:
      return "takes =, !=, LIKE, ILIKE and a text in quotes, or IN, NOT IN and a list of such texts";
    case SearchKind::kId:
      return "takes =, != and a text in quotes, or IN, NOT IN and a list of such texts";
  }
  return "";
}

}  // namespace

absl::Status CheckComparison(const SearchComparison& comparison, SearchKind kind) {
  bool good = Suits(comparison.op, kind);
  for (const SearchLiteral& value : comparison.values) {
    good &= value.is_number == (kind == SearchKind::kNumber);
  }
  return good ? absl::OkStatus() : WrongAt(comparison, OperatorsOf(kind));
}

std::vector<std::string> TextsOf(const SearchComparison& comparison) {
  std::vector<std::string> texts;
  for (const SearchLiteral& value : comparison.values) texts.push_back(value.text);
  return texts;
}

double NumberOf(const SearchComparison& comparison) {
  return comparison.values.empty() ? 0 : comparison.values.front().number;
}

absl::Status SearchKeyUnknownAt(const SearchComparison& comparison, absl::string_view known) {
  return WrongAt(comparison, absl::StrCat("is no key of this search; known are ", known));
}

absl::StatusOr<std::vector<RunCondition>> RunConditionsFrom(absl::string_view filter) {
  ASSIGN_OR_RETURN(const std::vector<SearchComparison> comparisons, ParseSearchFilter(filter));
  std::vector<RunCondition> conditions;
  for (const SearchComparison& comparison : comparisons) {
    const std::optional<Subject> subject = SubjectOf(comparison.entity, comparison.key);
    if (!subject.has_value()) return SearchKeyUnknownAt(comparison, kKnown);
    RETURN_IF_ERROR(CheckComparison(comparison, subject->kind));
    conditions.push_back(
        {subject->subject, comparison.key, comparison.op, TextsOf(comparison), NumberOf(comparison)});
  }
  return conditions;
}

absl::StatusOr<RunOrder> RunOrderFrom(absl::string_view order) {
  ASSIGN_OR_RETURN(const SearchOrder parsed, ParseSearchOrder(order));
  const std::optional<Subject> subject = SubjectOf(parsed.entity, parsed.key);
  const bool of_dataset = subject.has_value() && (subject->subject == RunSubject::kDatasetName ||
                                                  subject->subject == RunSubject::kDatasetDigest ||
                                                  subject->subject == RunSubject::kDatasetContext);
  if (!subject.has_value() || of_dataset) {
    return absl::InvalidArgumentError(absl::StrCat("Invalid order_by ", QuoteForMessage(order),
                                                   ": this is no key of the order; known are ",
                                                   kKnownOrders));
  }
  return RunOrder{subject->subject, parsed.key, parsed.descending};
}

}  // namespace penstock
