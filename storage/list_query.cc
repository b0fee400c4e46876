#include "storage/list_query.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr size_t kSignatureBytes = 16;
constexpr absl::string_view kTagsPrefix = "tags.";
constexpr int64_t kMicrosPerSecond = 1'000'000;

std::string Sign(absl::string_view key, absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return std::string(reinterpret_cast<char*>(digest), kSignatureBytes);
}

db::Param ToParam(const std::variant<std::string, int64_t>& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return db::Param(*number);
  return db::Param(std::get<std::string>(value));
}

absl::Status BadToken() {
  return absl::InvalidArgumentError(
      "page_token is not one that this server gave for this list: start again without it, with the same "
      "scope, "
      "sort_by and filter on every page");
}

const ListField* FindField(const ListResource& resource, absl::string_view key) {
  for (const ListField& field : resource.fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

std::string KnownKeys(const ListResource& resource, bool sortable) {
  std::vector<absl::string_view> keys;
  for (const ListField& field : resource.fields) {
    if (field.sortable || !sortable) keys.push_back(field.key);
  }
  return absl::StrJoin(keys, ", ");
}

// A text given for a time: RFC 3339, or seconds since 1970.
absl::StatusOr<int64_t> MicrosFromText(const std::string& text) {
  int64_t seconds;
  if (absl::SimpleAtoi(text, &seconds) && std::abs(seconds) < INT64_MAX / kMicrosPerSecond) {
    return seconds * kMicrosPerSecond;
  }
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return absl::ToUnixMicros(time);
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no time; give RFC 3339 (2030-01-02T03:04:05Z) or seconds since 1970"));
}

absl::StatusOr<std::variant<std::string, int64_t>> Convert(const FilterValue& value, FieldType type) {
  const auto* number = std::get_if<int64_t>(&value.value);
  if (type == FieldType::kText) {
    if (number == nullptr) return std::variant<std::string, int64_t>(std::get<std::string>(value.value));
    return absl::InvalidArgumentError("this key is text: give a string_value");
  }
  if (number != nullptr) {
    if (value.is_time) return std::variant<std::string, int64_t>(*number);
    if (std::abs(*number) >= INT64_MAX / kMicrosPerSecond)
      return absl::InvalidArgumentError("the time is out of range");
    return std::variant<std::string, int64_t>(*number * kMicrosPerSecond);
  }
  ASSIGN_OR_RETURN(const int64_t micros, MicrosFromText(std::get<std::string>(value.value)));
  return std::variant<std::string, int64_t>(micros);
}

absl::string_view Operator(FilterOperation operation) {
  switch (operation) {
    case FilterOperation::kNotEquals:
      return " <> ";
    case FilterOperation::kGreaterThan:
      return " > ";
    case FilterOperation::kGreaterThanEquals:
      return " >= ";
    case FilterOperation::kLessThan:
      return " < ";
    case FilterOperation::kLessThanEquals:
      return " <= ";
    default:
      return " = ";
  }
}

using FilterValues = std::vector<std::variant<std::string, int64_t>>;

// Where `values` hold what clients see of a stored value, adds that value.
void AddHiddenValue(const ListField& field, FilterOperation operation, FilterValues& values) {
  const bool exact = operation == FilterOperation::kEquals || operation == FilterOperation::kNotEquals ||
                     operation == FilterOperation::kIn;
  if (field.stored.empty() || !exact) return;
  for (const auto& value : values) {
    if (std::get<std::string>(value) != field.shown_as) continue;
    values.emplace_back(std::string(field.stored));
    return;
  }
}

}  // namespace

absl::StatusOr<ListQuery> ListQuery::Create(const ListResource& resource, const ListRequest& request,
                                            std::optional<ListScope> scope, absl::string_view token_key) {
  ListQuery query;
  query.resource_ = &resource;
  query.token_key_ = std::string(token_key);
  query.scope_ = std::move(scope);
  if (request.page_size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size is ", request.page_size, "; it must not be negative"));
  }
  query.page_size_ =
      request.page_size == 0 ? limits::kPageSizeDefault : std::min(request.page_size, limits::kPageSizeMax);
  query.sort_by_ = absl::AsciiStrToLower(absl::StripAsciiWhitespace(request.sort_by));
  query.filter_ = request.filter;
  if (!request.page_token.empty()) RETURN_IF_ERROR(query.ReadToken(request.page_token, request));
  RETURN_IF_ERROR(query.SetOrder(query.sort_by_));
  RETURN_IF_ERROR(query.SetFilter(query.filter_));
  if (query.after_ &&
      std::holds_alternative<int64_t>(query.after_value_) != (query.order_->type == FieldType::kTime)) {
    return BadToken();
  }
  return query;
}

absl::Status ListQuery::SetOrder(absl::string_view sort_by) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(sort_by, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  order_ = FindField(*resource_, words.empty() ? "created_at" : words[0]);
  if (order_ == nullptr || !order_->sortable) {
    return absl::InvalidArgumentError(absl::StrCat("sort_by: ", resource_->name, " cannot be sorted by '",
                                                   words[0], "'; use one of ", KnownKeys(*resource_, true)));
  }
  if (words.size() > 2 || (words.size() == 2 && words[1] != "asc" && words[1] != "desc")) {
    return absl::InvalidArgumentError(
        absl::StrCat("sort_by: '", sort_by, "' must be a key, optionally followed by asc or desc"));
  }
  descending_ = words.size() == 2 && words[1] == "desc";
  return absl::OkStatus();
}

absl::Status ListQuery::SetFilter(absl::string_view filter) {
  ASSIGN_OR_RETURN(const std::vector<FilterPredicate> predicates, ParseFilter(filter));
  for (size_t i = 0; i < predicates.size(); ++i) RETURN_IF_ERROR(AddPredicate(predicates[i], i));
  return absl::OkStatus();
}

absl::Status ListQuery::AddPredicate(const FilterPredicate& predicate, size_t index) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("filter: predicates[", index, "]: ", what));
  };
  if (resource_->has_tags && absl::StartsWith(predicate.key, kTagsPrefix)) {
    if (predicate.operation != FilterOperation::kEquals ||
        !std::holds_alternative<std::string>(predicate.values[0].value)) {
      return wrong("tags can only be compared by EQUALS with a string_value");
    }
    Condition condition;
    condition.sql = absl::StrCat("EXISTS (SELECT 1 FROM tags t WHERE t.owner_id = ", resource_->table, ".",
                                 resource_->id_column, " AND t.name = ? AND t.value = ?)");
    condition.values.emplace_back(predicate.key.substr(kTagsPrefix.size()));
    condition.values.push_back(predicate.values[0].value);
    conditions_.push_back(std::move(condition));
    return absl::OkStatus();
  }
  const ListField* field = FindField(*resource_, predicate.key);
  if (field == nullptr) {
    return wrong(absl::StrCat("'", predicate.key, "' is not a key of ", resource_->name, "; use one of ",
                              KnownKeys(*resource_, false)));
  }
  Condition condition;
  for (const FilterValue& value : predicate.values) {
    auto converted = Convert(value, field->type);
    if (!converted.ok()) return wrong(absl::StrCat("'", predicate.key, "': ", converted.status().message()));
    condition.values.push_back(*std::move(converted));
  }
  AddHiddenValue(*field, predicate.operation, condition.values);
  const std::string column(field->column);
  if (predicate.operation == FilterOperation::kIn || condition.values.size() > 1) {
    const absl::string_view in = predicate.operation == FilterOperation::kNotEquals ? " NOT IN (" : " IN (";
    condition.sql =
        condition.values.empty()
            ? "1 = 0"
            : absl::StrCat(column, in,
                           absl::StrJoin(std::vector<std::string>(condition.values.size(), "?"), ", "), ")");
  } else if (predicate.operation == FilterOperation::kIsSubstring) {
    if (field->type != FieldType::kText) return wrong("IS_SUBSTRING needs a key that is text");
    const std::string escaped = absl::StrReplaceAll(std::get<std::string>(condition.values[0]),
                                                    {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}});
    condition.values[0] = absl::StrCat("%", escaped, "%");
    condition.sql = absl::StrCat(column, " LIKE ? ESCAPE '\\'");
  } else if (predicate.operation == FilterOperation::kEquals && field->type == FieldType::kTime &&
             std::get<int64_t>(condition.values[0]) % kMicrosPerSecond == 0) {
    // Clients know whole seconds only; rows have microseconds.
    condition.sql = absl::StrCat(column, " >= ? AND ", column, " < ?");
    condition.values.push_back(std::get<int64_t>(condition.values[0]) + kMicrosPerSecond);
  } else {
    condition.sql = absl::StrCat(column, Operator(predicate.operation), "?");
  }
  conditions_.push_back(std::move(condition));
  return absl::OkStatus();
}

// The token: base64url(signature, JSON{r: resource, s: sort_by, f: filter, v: last value, i: last id}).
std::string ListQuery::MakeToken(const std::variant<std::string, int64_t>& sort_value,
                                 absl::string_view id) const {
  Json json = {{"r", std::string(resource_->name)}, {"s", sort_by_}, {"f", filter_}, {"i", std::string(id)}};
  if (scope_.has_value()) json["c"] = absl::StrCat(scope_->column, "=", scope_->value);
  if (const auto* number = std::get_if<int64_t>(&sort_value)) {
    json["v"] = *number;
  } else {
    json["v"] = std::get<std::string>(sort_value);
  }
  const std::string text = DumpJson(json);
  return absl::WebSafeBase64Escape(absl::StrCat(Sign(token_key_, text), text));
}

absl::Status ListQuery::ReadToken(absl::string_view token, const ListRequest& request) {
  std::string bytes;
  if (token.size() > limits::kPageTokenBytes + 2 * limits::kFilterBytes ||
      !absl::WebSafeBase64Unescape(token, &bytes) || bytes.size() < kSignatureBytes) {
    return BadToken();
  }
  const absl::string_view text = absl::string_view(bytes).substr(kSignatureBytes);
  if (Sign(token_key_, text) != bytes.substr(0, kSignatureBytes)) return BadToken();
  const auto json = ParseJson(text);
  if (!json.ok()) return BadToken();
  const std::string scope = scope_.has_value() ? absl::StrCat(scope_->column, "=", scope_->value) : "";
  if (json->value("r", "") != resource_->name || json->value("c", "") != scope) return BadToken();
  const std::string sort_by = json->value("s", "");
  const std::string filter = json->value("f", "");
  // Both may be left out with a token; what is given must be what the token was made for.
  if ((!sort_by_.empty() && sort_by_ != sort_by) || (!request.filter.empty() && request.filter != filter)) {
    return BadToken();
  }
  sort_by_ = sort_by;
  filter_ = filter;
  after_ = true;
  after_id_ = json->value("i", "");
  const Json& value = (*json)["v"];
  if (value.is_number_integer()) {
    after_value_ = value.get<int64_t>();
  } else {
    after_value_ = value.get<std::string>();
  }
  return absl::OkStatus();
}

std::string ListQuery::Where(bool with_position, std::vector<db::Param>& params) const {
  std::vector<std::string> parts;
  const auto next = [&params](const db::Param& param) {
    params.push_back(param);
    return absl::StrCat("$", params.size());
  };
  if (scope_.has_value())
    parts.push_back(absl::StrCat(scope_->column, " = ", next(db::Param(scope_->value))));
  for (const Condition& condition : conditions_) {
    std::string sql;
    size_t value = 0;
    for (const char c : condition.sql) {
      if (c == '?') {
        sql += next(ToParam(condition.values[value++]));
      } else {
        sql.push_back(c);
      }
    }
    parts.push_back(std::move(sql));
  }
  if (with_position && after_) {
    parts.push_back(absl::StrCat("(", order_->column, ", ", resource_->id_column, ") ",
                                 descending_ ? "<" : ">", " (", next(ToParam(after_value_)), ", ",
                                 next(db::Param(after_id_)), ")"));
  }
  return parts.empty() ? "" : absl::StrCat(" WHERE ", absl::StrJoin(parts, " AND "));
}

std::string ListQuery::RowsSql(absl::string_view columns) const {
  std::vector<db::Param> params;
  const std::string where = Where(/*with_position=*/true, params);
  const absl::string_view direction = descending_ ? " DESC" : " ASC";
  return absl::StrCat("SELECT ", columns, ", ", order_->column, ", ", resource_->id_column, " FROM ",
                      resource_->table, where, " ORDER BY ", order_->column, direction, ", ",
                      resource_->id_column, direction, " LIMIT ", page_size_ + 1);
}

absl::Status ListQuery::RunPage(db::Tx& tx, absl::string_view columns, int column_count,
                                absl::string_view counter, db::RowCallback on_row,
                                std::string& next_page_token, int64_t& total_size) const {
  std::vector<db::Param> params;
  (void)Where(/*with_position=*/true, params);
  int seen = 0;
  std::variant<std::string, int64_t> last_value;
  std::string last_id;
  RETURN_IF_ERROR(tx.Query(RowsSql(columns), db::Params(params), [&](const db::Row& row) -> absl::Status {
    ++seen;
    if (seen > page_size_) {
      next_page_token = MakeToken(last_value, last_id);
      return absl::OkStatus();
    }
    if (seen == page_size_) {
      if (order_->type == FieldType::kTime) {
        last_value = row.Int64(column_count);
      } else {
        last_value = row.String(column_count);
      }
      last_id = row.String(column_count + 1);
    }
    return on_row(row);
  }));
  if (conditions_.empty()) {
    ASSIGN_OR_RETURN(total_size, CounterGet(tx, counter));
    return absl::OkStatus();
  }
  params.clear();
  const std::string where = Where(/*with_position=*/false, params);
  return tx.Query(absl::StrCat("SELECT COUNT(*) FROM ", resource_->table, where), db::Params(params),
                  [&](const db::Row& row) {
                    total_size = row.Int64(0);
                    return absl::OkStatus();
                  });
}

}  // namespace penstock
