#include "storage/list_query.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/list_filter.h"
#include "storage/list_groups.h"
#include "storage/list_metric_order.h"
#include "storage/list_predicate.h"
#include "storage/page_token.h"

namespace penstock {
namespace {

constexpr absl::string_view kMetricPrefix = "metric:";

// In lower case, but for the name of a metric.
std::string NormalSortBy(absl::string_view sort_by) {
  sort_by = absl::StripAsciiWhitespace(sort_by);
  std::string lower = absl::AsciiStrToLower(sort_by);
  if (!absl::StartsWith(lower, kMetricPrefix)) return lower;
  const size_t end = std::min(sort_by.find_first_of(" \t"), sort_by.size());
  return absl::StrCat(kMetricPrefix, sort_by.substr(kMetricPrefix.size(), end - kMetricPrefix.size()),
                      absl::string_view(lower).substr(end));
}

// What rows without the metric are ordered by: nothing, so by their ids.
constexpr ListField kMetricField = {"metric", "", FieldType::kText, true, {}, {}, false, "-"};

// The name in `metric:<name>`, as in KFP's first API; empty if it is none.
absl::string_view MetricOf(absl::string_view key) {
  const absl::string_view name = absl::StripPrefix(key, kMetricPrefix);
  return name.size() < key.size() && name.size() <= limits::kMetricNameBytes ? name : "";
}

}  // namespace

absl::StatusOr<ListQuery> ListQuery::Create(const ListResource& resource, const ListRequest& request,
                                            std::optional<ListScope> scope, absl::string_view token_key,
                                            const ListBounds& bounds) {
  ListQuery query;
  query.selection_.resource = &resource;
  query.selection_.scope = std::move(scope);
  query.selection_.bounds = bounds;
  query.token_key_ = std::string(token_key);
  if (request.page_size < 0) return error::PageSizeNegative(request.page_size);
  // A page that is too large is cut and not refused, as in KFP.
  query.page_size_ =
      request.page_size == 0 ? limits::kPageSizeDefault : std::min(request.page_size, limits::kPageSizeMax);
  query.sort_by_ = NormalSortBy(request.sort_by);
  query.filter_ = request.filter;
  // Before order and filter, which it brings along where the request leaves them out.
  if (!request.page_token.empty()) RETURN_IF_ERROR(query.ReadToken(request.page_token, request));
  RETURN_IF_ERROR(query.SetOrder(query.sort_by_));
  RETURN_IF_ERROR(query.SetFilter(request));
  if (query.selection_.metric.empty() && query.after_.has_value() &&
      std::holds_alternative<int64_t>(query.after_->value) !=
          (query.selection_.order->type == FieldType::kTime)) {
    return error::PageTokenWrong();
  }
  return query;
}

absl::Status ListQuery::SetOrder(absl::string_view sort_by) {
  const ListResource& resource = *selection_.resource;
  const std::vector<absl::string_view> words =
      absl::StrSplit(sort_by, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  const absl::string_view key = words.empty() ? "created_at" : words[0];
  const ListField* field = FindListField(resource, key);
  if (field == nullptr && resource.has_metrics && !MetricOf(key).empty()) {
    selection_.metric = std::string(MetricOf(key));
    field = &kMetricField;
  }
  if (field == nullptr || !field->sortable) {
    return error::SortKeyUnknown(resource.name, key, KnownListKeys(resource, true));
  }
  if (words.size() > 2 || (words.size() == 2 && words[1] != "asc" && words[1] != "desc")) {
    return error::SortByWrong(sort_by);
  }
  selection_.order = field;
  selection_.descending = words.size() == 2 && words[1] == "desc";
  return absl::OkStatus();
}

absl::Status ListQuery::SetFilter(const ListRequest& request) {
  ASSIGN_OR_RETURN(std::vector<FilterPredicate> given, ParseFilter(filter_));
  for (size_t i = 0; i < given.size(); ++i) {
    if (request.to_stored != nullptr) request.to_stored(given[i]);
    auto predicate = MakeListPredicate(*selection_.resource, given[i]);
    if (!predicate.ok()) return error::InFilterPredicate(i, predicate.status());
    if (predicate->values.empty()) {
      selection_.nothing = true;  // one of no values
    } else if (predicate->field == nullptr || predicate->field->constant.empty()) {
      selection_.predicates.push_back(*std::move(predicate));
    } else if (!predicate->Matches(predicate->field->constant)) {
      selection_.nothing = true;
    }
  }
  return absl::OkStatus();
}

// The token: JSON{r: resource, c: scope, s: sort_by, f: filter, v: last value, i: last
// id, t: size if it was counted}.
std::string ListQuery::MakeToken(const ListPosition& last, std::optional<int64_t> counted) const {
  Json json = {
      {"r", std::string(selection_.resource->name)}, {"s", sort_by_}, {"f", filter_}, {"i", last.id}};
  if (selection_.scope.has_value()) {
    json["c"] = absl::StrCat(selection_.scope->column, "=", selection_.scope->value);
  }
  if (const auto* number = std::get_if<int64_t>(&last.value)) {
    json["v"] = *number;
  } else {
    json["v"] = std::get<std::string>(last.value);
  }
  if (counted.has_value()) json["t"] = *counted;
  return MakePageToken(token_key_, json);
}

absl::Status ListQuery::ReadToken(absl::string_view token, const ListRequest& request) {
  ASSIGN_OR_RETURN(Json json, ReadPageToken(token_key_, token));
  const std::optional<ListScope>& own = selection_.scope;
  const std::string scope = own.has_value() ? absl::StrCat(own->column, "=", own->value) : "";
  if (json.value("r", "") != selection_.resource->name || json.value("c", "") != scope) {
    return error::PageTokenWrong();
  }
  const std::string sort_by = json.value("s", "");
  const std::string filter = json.value("f", "");
  // Both may be left out with a token; what is given must be what the token was made for.
  if ((!sort_by_.empty() && sort_by_ != sort_by) || (!request.filter.empty() && request.filter != filter)) {
    return error::PageTokenWrong();
  }
  sort_by_ = sort_by;
  filter_ = filter;
  if (json.contains("t")) counted_ = json.value("t", kListSizeUnknown);
  after_.emplace();
  after_->id = json.value("i", "");
  const Json& value = json["v"];
  if (value.is_number_integer()) {
    after_->value = value.get<int64_t>();
  } else {
    after_->value = value.get<std::string>();
  }
  return absl::OkStatus();
}

absl::StatusOr<ListTotal> ListQuery::TotalOf(db::Tx& tx, const ListBase& base) const {
  if (!counted_.has_value()) return ListTotal::Count(tx, base);
  return ListTotal::Known(tx, base, *counted_ == kListSizeUnknown ? std::nullopt : counted_);
}

// The steps of docs/LISTS.md: each takes what the one before it gave.
absl::Status ListQuery::RunPage(db::Tx& tx, const ListColumns& columns, absl::string_view counter,
                                db::RowCallback on_row, std::string* next_page_token,
                                int64_t* total_size) const {
  ASSIGN_OR_RETURN(const ListBase base, ListBase::Read(tx, selection_, counter));
  ASSIGN_OR_RETURN(ListTotal total, TotalOf(tx, base));
  *total_size = total.rows().value_or(kListSizeUnknown);

  // One row more than the page has tells whether there is a next one.
  int seen = 0;
  ListPosition last;
  const auto on_row_of_page = [&](const db::Row& row, const ListPosition& position) -> absl::Status {
    if (++seen <= page_size_) {
      last = position;
      return on_row(row);
    }
    *next_page_token = MakeToken(last, total.is_kept() ? std::nullopt : std::optional<int64_t>(*total_size));
    return absl::OkStatus();
  };
  if (!selection_.metric.empty()) {
    return ListByMetric(tx, base, columns, page_size_ + 1, after_, on_row_of_page);
  }
  if (ListGroups::AreOrderOf(base)) {
    return ListGroups(tx, total, columns).Rows(page_size_ + 1, after_, on_row_of_page);
  }
  return ListPlan(tx, total, columns).Rows(page_size_ + 1, after_, on_row_of_page);
}

}  // namespace penstock
