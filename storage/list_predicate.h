// The conditions of a filter, typed by the list's keys, as SQL and as a test of one value.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/list_filter.h"
#include "storage/list_resource.h"

namespace penstock {

// SQL text that grows together with its parameters.
class ListSql {
 public:
  // The place of `value`, which must outlive the statement.
  std::string Bind(const ListValue& value);
  std::string Bind(absl::string_view value);
  db::Params params() const { return params_; }

 private:
  std::vector<db::Param> params_;
};

struct ListPredicate {
  enum class Kind { kOneOf, kRange, kSubstring, kTag, kLacksMetric };

  const ListField* field = nullptr;  // null for a tag and a metric
  Kind kind = Kind::kOneOf;
  bool negated = false;                                  // of kOneOf
  FilterOperation operation = FilterOperation::kEquals;  // of kRange
  // The text or the bound; for kOneOf of times each two are a half-open interval; for kTag name and value; for
  // kLacksMetric the name of the metric, which a run does not have, or as NaN.
  std::vector<ListValue> values;
  // For a long text: the beginnings of `values`, and whether they are whole.
  std::vector<ListValue> starts;
  bool starts_suffice = true;

  bool OnColumn(absl::string_view column) const { return field != nullptr && field->column == column; }
  // Whether the text satisfies it. Not for times and tags.
  bool Matches(absl::string_view text) const;
  // As a condition on rows whose id is in the column `id`: one that an index finds the rows by, or one that
  // is looked up for each row.
  std::string LeadSql(absl::string_view id, ListSql& sql) const;
  std::string Sql(absl::string_view id, ListSql& sql) const;
  // Whether LeadSql is a range of an index.
  bool IsIndexable() const { return !negated && kind != Kind::kSubstring && kind != Kind::kLacksMetric; }
  // Whether it leaves an order of the column one range of it.
  bool IsOneRange() const;
  ListPredicate Inverted() const;
  // Several intervals of a time: a range of an index each.
  bool HasIntervals() const;
  std::vector<std::string> IntervalsSql(ListSql& sql) const;

 private:
  std::string ComparisonSql(ListSql& sql) const;
};

// What the column is ordered by.
std::string OrderExpression(const ListField& field);

// The key of `resource`; null if there is none.
const ListField* FindListField(const ListResource& resource, absl::string_view key);
// Its keys, for messages.
std::string KnownListKeys(const ListResource& resource, bool sortable);

// INVALID_ARGUMENT without the predicate's place, for a key that is not known and for a value or an operation
// that does not suit it.
absl::StatusOr<ListPredicate> MakeListPredicate(const ListResource& resource, const FilterPredicate& given);

}  // namespace penstock
