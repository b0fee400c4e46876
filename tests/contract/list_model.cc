#include "tests/contract/list_model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/ordered_double.h"
#include "gtest/gtest.h"
#include "storage/metric_store.h"

namespace penstock {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kEpochSeconds = 1'700'000'000;

// Whole seconds are compared with whole seconds.
std::pair<ListValue, ListValue> Comparable(const ListValue& row, const ListValue& wanted) {
  const auto* number = std::get_if<int64_t>(&wanted);
  if (number == nullptr || *number % kSecond != 0) return {row, wanted};
  return {ListValue(std::get<int64_t>(row) / kSecond), ListValue(*number / kSecond)};
}

bool IsState(const std::string& key) { return key == "state" || key == "status"; }

bool Equal(const std::string& key, const ListValue& row, const ListValue& wanted) {
  const auto [left, right] = Comparable(row, wanted);
  if (left == right) return true;
  // KFP's clients see a terminated run as FAILED.
  return IsState(key) && left == ListValue("CANCELED") && right == ListValue("FAILED");
}

bool Matches(const ModelRow& row, const ModelPredicate& predicate) {
  if (absl::StartsWith(predicate.key, "tags.")) {
    const auto found = row.tags.find(predicate.key.substr(5));
    return found != row.tags.end() && ListValue(found->second) == predicate.values[0];
  }
  const ListValue& value = row.values.at(predicate.key);
  const std::string& operation = predicate.operation;
  if (operation == "EQUALS" || operation == "IN" || operation == "NOT_EQUALS") {
    const bool equal = std::any_of(predicate.values.begin(), predicate.values.end(),
                                   [&](const ListValue& one) { return Equal(predicate.key, value, one); });
    return equal != (operation == "NOT_EQUALS");
  }
  if (operation == "IS_SUBSTRING") {
    return absl::StrContains(absl::AsciiStrToLower(std::get<std::string>(value)),
                             absl::AsciiStrToLower(std::get<std::string>(predicate.values[0])));
  }
  const auto [left, right] = Comparable(value, predicate.values[0]);
  if (operation == "GREATER_THAN") return left > right;
  if (operation == "GREATER_THAN_EQUALS") return left >= right;
  if (operation == "LESS_THAN") return left < right;
  return left <= right;
}

constexpr absl::string_view kMetric = "metric:";

// NaN is as none.
bool LacksMetric(const ModelRow& row, const std::string& key) {
  if (!absl::StartsWith(key, kMetric)) return false;
  const auto found = row.metrics.find(key.substr(kMetric.size()));
  return found == row.metrics.end() || std::isnan(found->second);
}

// Descriptions are ordered by their first 128 characters.
ListValue SortValue(const ModelRow& row, const std::string& key) {
  if (absl::StartsWith(key, kMetric)) return OrderOfDouble(row.metrics.at(key.substr(kMetric.size())));
  const ListValue& value = row.values.at(key);
  if (key != "description") return value;
  const std::string& text = std::get<std::string>(value);
  size_t end = 0;
  for (int runes = 0; end < text.size(); ++end) {
    if ((text[end] & 0xC0) != 0x80 && ++runes == 129) break;
  }
  return text.substr(0, end);
}

std::string Rfc3339(int64_t micros) {
  return absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(micros), absl::UTCTimeZone());
}

}  // namespace

const std::vector<std::string> kModelOperations = {
    "EQUALS",    "NOT_EQUALS",       "GREATER_THAN", "GREATER_THAN_EQUALS",
    "LESS_THAN", "LESS_THAN_EQUALS", "IN",           "IS_SUBSTRING"};

std::vector<std::string> ModelList(const std::vector<ModelRow>& rows,
                                   const std::vector<ModelPredicate>& predicates, const std::string& sort_key,
                                   bool descending) {
  std::vector<std::pair<ListValue, std::string>> found;
  std::vector<std::string> without_metric;
  for (const ModelRow& row : rows) {
    const bool wanted = std::all_of(predicates.begin(), predicates.end(),
                                    [&](const ModelPredicate& one) { return Matches(row, one); });
    if (!wanted) continue;
    if (LacksMetric(row, sort_key)) {
      without_metric.push_back(row.id);
    } else {
      found.emplace_back(SortValue(row, sort_key), row.id);
    }
  }
  std::sort(found.begin(), found.end());
  std::sort(without_metric.begin(), without_metric.end());
  if (descending) {
    std::reverse(found.begin(), found.end());
    std::reverse(without_metric.begin(), without_metric.end());
  }
  std::vector<std::string> ids;
  for (const auto& [value, id] : found) ids.push_back(id);
  // Last in both directions.
  ids.insert(ids.end(), without_metric.begin(), without_metric.end());
  return ids;
}

absl::Time ModelRandom::Time() {
  static const std::vector<int64_t> fractions = {0, 0, 1, 250'000, 999'999};
  return absl::FromUnixMicros((kEpochSeconds + Pick(6)) * kSecond + Of(fractions));
}

std::string ModelRandom::Text() {
  static const std::vector<std::string> texts = {
      "",   "a",   "A",   "alpha", "Alpha", "al%pha", "al_ha", "back\\slash", "'; DROP TABLE runs; --",
      "zz", "été", "日本"};
  const std::string& text = Of(texts);
  switch (Pick(8)) {
    case 0:
      return absl::StrCat(std::string(126, 'x'), text, Pick(3));
    case 1:
      return std::string(127 + Pick(3), 'x');
    default:
      return text;
  }
}

ListValue ModelRandom::ValueOf(const ModelResource& list, const ListField& field) {
  if (!list.rows.empty() && Pick(5) > 0) {
    const ListValue value = Of(list.rows).values.at(std::string(field.key));
    const auto* micros = std::get_if<int64_t>(&value);
    return micros != nullptr && Pick(2) == 0 ? ListValue(*micros / kSecond * kSecond) : value;
  }
  if (field.type == FieldType::kTime) return absl::ToUnixMicros(Time());
  return Text();
}

ModelPredicate ModelRandom::Predicate(const ModelResource& list, const ListField& field,
                                      const std::string& operation) {
  ModelPredicate predicate = {std::string(field.key), operation, {}};
  const int count = operation == "IN" ? Pick(4) : 1;
  for (int i = 0; i < count; ++i) predicate.values.push_back(ValueOf(list, field));
  if (operation == "IS_SUBSTRING") {
    std::string& text = std::get<std::string>(predicate.values[0]);
    const size_t size = text.empty() ? 0 : 1 + Pick(3);
    text = text.substr(0, Pick(4) == 0 ? text.size() : size);
    // A piece of a character is no text.
    while (!text.empty() && (text.back() & 0x80) != 0) text.pop_back();
  }
  return predicate;
}

ModelPredicate ModelRandom::TagPredicate(const ModelResource& list) {
  static const std::vector<std::string> names = {"team", "stage", "none"};
  static const std::vector<std::string> values = {"a", "b", "%"};
  return {absl::StrCat("tags.", Of(names)), "EQUALS", {Of(values)}};
}

Json ModelRandom::TimeToJson(int64_t micros, std::string* value_field) {
  const bool whole = micros % kSecond == 0;
  switch (Pick(whole ? 4 : 2)) {
    case 0:
      *value_field = Pick(2) == 0 ? "timestamp_value" : "timestampValue";
      return Rfc3339(micros);
    case 1:
      *value_field = "stringValue";
      return Rfc3339(micros);
    case 2:
      *value_field = "string_value";
      return absl::StrCat(micros / kSecond);
    default:
      *value_field = Pick(2) == 0 ? "long_value" : "intValue";
      return Pick(2) == 0 ? Json(micros / kSecond) : Json(absl::StrCat(micros / kSecond));
  }
}

Json ModelRandom::ToJson(const ModelPredicate& predicate, const ListField* field) {
  static const std::map<std::string, int> numbers = {
      {"EQUALS", 1},    {"NOT_EQUALS", 2},       {"GREATER_THAN", 3}, {"GREATER_THAN_EQUALS", 5},
      {"LESS_THAN", 6}, {"LESS_THAN_EQUALS", 7}, {"IN", 8},           {"IS_SUBSTRING", 9}};
  Json json = {{"key", predicate.key}};
  json["operation"] = Pick(2) == 0 ? Json(predicate.operation) : Json(numbers.at(predicate.operation));
  const bool is_time = field != nullptr && field->type == FieldType::kTime;
  if (predicate.operation == "IN") {
    Json values = Json::array();
    for (const ListValue& value : predicate.values) {
      values.push_back(is_time ? Rfc3339(std::get<int64_t>(value)) : std::get<std::string>(value));
    }
    json[Pick(2) == 0 ? "string_values" : "stringValues"] = {{"values", values}};
    return json;
  }
  if (is_time) {
    std::string value_field;
    Json value = TimeToJson(std::get<int64_t>(predicate.values[0]), &value_field);
    json[value_field] = std::move(value);
    return json;
  }
  json[Pick(2) == 0 ? "string_value" : "stringValue"] = std::get<std::string>(predicate.values[0]);
  return json;
}

std::optional<double> AddModelMetric(Store& store, ModelRandom& random, const std::string& run_id) {
  if (random.Pick(4) == 0) return std::nullopt;
  const double value = random.Pick(9) == 0 ? std::nan("") : random.Pick(9) - 4.5;
  const absl::Status logged = store.Write([&](db::Tx& tx) {
    return MetricsLog(tx, {run_id, ""}, {NamedMetricPoint{"Acc/1", {1, random.Time(), value}}});
  });
  EXPECT_EQ(logged, absl::OkStatus());
  return value;
}

}  // namespace penstock
