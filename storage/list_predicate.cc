#include "storage/list_predicate.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr absl::string_view kTagsPrefix = "tags.";
constexpr int64_t kMicrosPerSecond = 1'000'000;

// Before and behind it a whole second more would not fit.
constexpr int64_t kSecondsEnd = INT64_MAX / kMicrosPerSecond - 1;

absl::StatusOr<int64_t> MicrosFromSeconds(int64_t seconds) {
  if (seconds > -kSecondsEnd && seconds < kSecondsEnd) return seconds * kMicrosPerSecond;
  return error::ValueTimeOutOfRange();
}

absl::StatusOr<int64_t> CheckMicros(int64_t micros) {
  RETURN_IF_ERROR(MicrosFromSeconds(micros / kMicrosPerSecond).status());
  return micros;
}

// A text given for a time: RFC 3339, or seconds since 1970.
absl::StatusOr<int64_t> MicrosFromText(const std::string& text) {
  int64_t seconds;
  if (absl::SimpleAtoi(text, &seconds)) return MicrosFromSeconds(seconds);
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return CheckMicros(absl::ToUnixMicros(time));
  return error::ValueIsNoTime(text);
}

absl::StatusOr<ListValue> Convert(const FilterValue& value, FieldType type) {
  const auto* number = std::get_if<int64_t>(&value.value);
  if (type == FieldType::kText) {
    if (number != nullptr) return error::ValueIsText();
    const std::string& text = std::get<std::string>(value.value);
    if (!absl::StrContains(text, '\0')) return ListValue(text);
    return error::ValueHasNul();
  }
  ASSIGN_OR_RETURN(const int64_t micros, number == nullptr
                                             ? MicrosFromText(std::get<std::string>(value.value))
                                         : value.is_time ? CheckMicros(*number)
                                                         : MicrosFromSeconds(*number));
  return ListValue(micros);
}

bool IsWholeSecond(int64_t micros) { return micros % kMicrosPerSecond == 0; }

// Clients that know whole seconds only mean all of a second with it: "after 10:00:00" begins with 10:00:01.
void SetTimes(const std::vector<ListValue>& given, ListPredicate& predicate) {
  if (predicate.kind == ListPredicate::Kind::kOneOf) {
    // Values come in pairs: where an interval begins, and where it has ended.
    for (const ListValue& value : given) {
      const int64_t from = std::get<int64_t>(value);
      predicate.values.emplace_back(from);
      predicate.values.emplace_back(from + (IsWholeSecond(from) ? kMicrosPerSecond : 1));
    }
    return;
  }
  int64_t bound = std::get<int64_t>(given[0]);
  if (IsWholeSecond(bound) && predicate.operation == FilterOperation::kGreaterThan) {
    predicate.operation = FilterOperation::kGreaterThanEquals;
    bound += kMicrosPerSecond;
  } else if (IsWholeSecond(bound) && predicate.operation == FilterOperation::kLessThanEquals) {
    predicate.operation = FilterOperation::kLessThan;
    bound += kMicrosPerSecond;
  }
  predicate.values.emplace_back(bound);
}

int Runes(const std::string& text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Where `values` hold what clients see of a stored value, adds that value.
void AddHiddenValue(const ListField& field, std::vector<ListValue>* values) {
  if (field.stored.empty()) return;
  const ListValue shown = std::string(field.shown_as);
  if (std::find(values->begin(), values->end(), shown) == values->end()) return;
  values->emplace_back(std::string(field.stored));
}

absl::string_view Operator(FilterOperation operation) {
  switch (operation) {
    case FilterOperation::kGreaterThan:
      return " > ";
    case FilterOperation::kGreaterThanEquals:
      return " >= ";
    case FilterOperation::kLessThan:
      return " < ";
    default:
      return " <= ";
  }
}

// What begins like the value may lie on either side of it, so it has to be looked at as well.
FilterOperation OrEquals(FilterOperation operation) {
  if (operation == FilterOperation::kGreaterThan) return FilterOperation::kGreaterThanEquals;
  if (operation == FilterOperation::kLessThan) return FilterOperation::kLessThanEquals;
  return operation;
}

bool Compare(const ListValue& left, FilterOperation operation, const ListValue& right) {
  switch (operation) {
    case FilterOperation::kGreaterThan:
      return left > right;
    case FilterOperation::kGreaterThanEquals:
      return left >= right;
    case FilterOperation::kLessThan:
      return left < right;
    default:
      return left <= right;
  }
}

std::string OneOf(absl::string_view expression, const std::vector<ListValue>& values, ListSql& sql) {
  if (values.size() == 1) return absl::StrCat(expression, " = ", sql.Bind(values[0]));
  std::vector<std::string> places;
  for (const ListValue& value : values) places.push_back(sql.Bind(value));
  return absl::StrCat(expression, " IN (", absl::StrJoin(places, ", "), ")");
}

absl::StatusOr<ListPredicate> MakeTagPredicate(const FilterPredicate& given) {
  if (given.operation != FilterOperation::kEquals ||
      !std::holds_alternative<std::string>(given.values[0].value)) {
    return error::PredicateOfTagWrong();
  }
  ListPredicate predicate;
  predicate.kind = ListPredicate::Kind::kTag;
  predicate.values.emplace_back(given.key.substr(kTagsPrefix.size()));
  ASSIGN_OR_RETURN(ListValue value, Convert(given.values[0], FieldType::kText));
  predicate.values.push_back(std::move(value));
  return predicate;
}

// Lower case of ASCII only, as lower() has it in SQLite and on columns of PostgreSQL with collation C.
void SetSubstring(std::vector<ListValue>* values) {
  ListValue& value = values->front();
  const std::string text = absl::AsciiStrToLower(std::get<std::string>(value));
  value = absl::StrCat("%", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}}), "%");
}

}  // namespace

std::string ListSql::Bind(const ListValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    params_.emplace_back(*number);
  } else {
    params_.emplace_back(std::get<std::string>(value));
  }
  return absl::StrCat("$", params_.size());
}

std::string ListSql::Bind(absl::string_view value) {
  params_.emplace_back(value);
  return absl::StrCat("$", params_.size());
}

std::string OrderExpression(const ListField& field) {
  if (!field.is_long) return std::string(field.column);
  return absl::StrCat("substr(", field.column, ", 1, ", kListIndexedRunes, ")");
}

bool ListPredicate::Matches(absl::string_view text) const {
  const ListValue value = std::string(text);
  if (kind == Kind::kOneOf) {
    return (std::find(values.begin(), values.end(), value) != values.end()) != negated;
  }
  if (kind == Kind::kRange) return Compare(value, operation, values[0]);
  const std::string& pattern = std::get<std::string>(values[0]);  // %escaped%
  const std::string wanted = absl::StrReplaceAll(absl::string_view(pattern).substr(1, pattern.size() - 2),
                                                 {{"\\\\", "\\"}, {"\\%", "%"}, {"\\_", "_"}});
  return absl::StrContains(absl::AsciiStrToLower(text), wanted);
}

std::string ListPredicate::LeadSql(absl::string_view id, ListSql& sql) const {
  if (kind != Kind::kTag) return Sql(id, sql);
  const std::string name = sql.Bind(values[0]);
  const std::string value = sql.Bind(values[1]);
  // The index has the beginnings of values; || '' as in ComparisonSql.
  return absl::StrCat(id, " IN (SELECT owner_id FROM tags WHERE name = ", name, " AND substr(value, 1, ",
                      kListIndexedRunes, ") = substr(", value, ", 1, ", kListIndexedRunes,
                      ") AND value || '' = ", value, ")");
}

std::string ListPredicate::Sql(absl::string_view id, ListSql& sql) const {
  if (kind == Kind::kTag) {
    const std::string name = sql.Bind(values[0]);
    // A value, and not EXISTS, which PostgreSQL would turn into a join that loses the order of the rows.
    return absl::StrCat("(SELECT t.value FROM tags t WHERE t.owner_id = ", id, " AND t.name = ", name,
                        ") = ", sql.Bind(values[1]));
  }
  if (kind == Kind::kLacksMetric) {
    // Other names for its columns: a bare run_id would be its own.
    return absl::StrCat(
        "COALESCE((SELECT owned_value FROM (SELECT run_id AS owner, name AS owned, value AS owned_value "
        "FROM run_metrics) AS k WHERE owner = ",
        id, " AND owned = ", sql.Bind(values[0]), "), ", INT64_MAX, ") = ", INT64_MAX);
  }
  const std::string comparison = ComparisonSql(sql);
  return negated ? absl::StrCat("NOT (", comparison, ")") : comparison;
}

std::string ListPredicate::ComparisonSql(ListSql& sql) const {
  const absl::string_view column = field->column;
  if (kind == Kind::kSubstring) {
    return absl::StrCat("lower(", column, ") LIKE ", sql.Bind(values[0]), " ESCAPE '\\'");
  }
  if (field->type == FieldType::kTime && kind == Kind::kOneOf) {
    const std::string intervals = absl::StrJoin(IntervalsSql(sql), ") OR (");
    return HasIntervals() ? absl::StrCat("((", intervals, "))") : intervals;
  }
  std::vector<std::string> parts;
  if (field->is_long) {
    const std::string start = OrderExpression(*field);
    parts.push_back(kind == Kind::kOneOf
                        ? OneOf(start, starts, sql)
                        : absl::StrCat(start, Operator(starts_suffice ? operation : OrEquals(operation)),
                                       sql.Bind(starts[0])));
  }
  if (!field->is_long || !starts_suffice) {
    // An expression, since SQLite would put the value of a plain column into the beginning's expression as
    // well.
    const std::string whole = absl::StrCat(column, field->is_long ? " || ''" : "");
    parts.push_back(kind == Kind::kOneOf ? OneOf(whole, values, sql)
                                         : absl::StrCat(whole, Operator(operation), sql.Bind(values[0])));
  }
  return absl::StrJoin(parts, " AND ");
}

bool ListPredicate::IsOneRange() const {
  if (kind == Kind::kRange) return starts_suffice;
  const size_t one = field != nullptr && field->type == FieldType::kTime ? 2 : 1;
  return kind == Kind::kOneOf && !negated && starts_suffice && values.size() == one;
}

bool ListPredicate::HasIntervals() const {
  return kind == Kind::kOneOf && field->type == FieldType::kTime && values.size() > 2;
}

std::vector<std::string> ListPredicate::IntervalsSql(ListSql& sql) const {
  std::vector<std::string> intervals;
  for (size_t i = 0; i < values.size(); i += 2) {
    const std::string from = sql.Bind(values[i]);
    intervals.push_back(
        absl::StrCat(field->column, " >= ", from, " AND ", field->column, " < ", sql.Bind(values[i + 1])));
  }
  return intervals;
}

ListPredicate ListPredicate::Inverted() const {
  ListPredicate inverted = *this;
  inverted.negated = !negated;
  return inverted;
}

const ListField* FindListField(const ListResource& resource, absl::string_view key) {
  for (const ListField& field : resource.fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

std::string KnownListKeys(const ListResource& resource, bool sortable) {
  std::vector<std::string> keys;
  for (const ListField& field : resource.fields) {
    if (field.sortable || !sortable) keys.emplace_back(field.key);
  }
  if (resource.has_tags && !sortable) keys.emplace_back("tags.KEY");
  if (resource.has_metrics && sortable) keys.emplace_back("metric:NAME");
  return absl::StrJoin(keys, ", ");
}

absl::StatusOr<ListPredicate> MakeListPredicate(const ListResource& resource, const FilterPredicate& given) {
  if (resource.has_tags && absl::StartsWith(given.key, kTagsPrefix)) return MakeTagPredicate(given);
  ListPredicate predicate;
  predicate.field = FindListField(resource, given.key);
  if (predicate.field == nullptr) {
    return error::PredicateKeyUnknown(given.key, resource.name, KnownListKeys(resource, false));
  }
  const ListField& field = *predicate.field;
  std::vector<ListValue> values;
  for (const FilterValue& value : given.values) {
    auto converted = Convert(value, field.type);
    if (!converted.ok()) return error::InPredicateValue(given.key, converted.status());
    values.push_back(*std::move(converted));
  }
  using Kind = ListPredicate::Kind;
  predicate.operation = given.operation;
  predicate.negated = given.operation == FilterOperation::kNotEquals;
  const bool exact = given.operation == FilterOperation::kEquals || predicate.negated ||
                     given.operation == FilterOperation::kIn;
  predicate.kind = exact                                              ? Kind::kOneOf
                   : given.operation == FilterOperation::kIsSubstring ? Kind::kSubstring
                                                                      : Kind::kRange;
  if (predicate.kind == Kind::kSubstring && field.type != FieldType::kText) {
    return error::PredicateSubstringOfTime();
  }
  if (field.type == FieldType::kTime) {
    SetTimes(values, predicate);
    return predicate;
  }
  if (exact) AddHiddenValue(field, &values);
  if (predicate.kind == Kind::kSubstring) SetSubstring(&values);
  predicate.values = std::move(values);
  if (!field.is_long || predicate.kind == Kind::kSubstring) return predicate;
  for (const ListValue& value : predicate.values) {
    predicate.starts.emplace_back(std::string(FirstRunes(std::get<std::string>(value), kListIndexedRunes)));
    // One as long as what is indexed may have longer texts behind the same beginning.
    if (Runes(std::get<std::string>(value)) >= kListIndexedRunes) predicate.starts_suffice = false;
  }
  return predicate;
}

}  // namespace penstock
