#include "storage/run_parameter_store.h"

#include "common/json.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr char kInsert[] = "INSERT INTO run_parameters (run_id, name, value) VALUES $rows";
constexpr char kInsertOne[] =
    "INSERT INTO run_parameters (run_id, name, value) VALUES ($1, $2, $3) ON CONFLICT (run_id, name) DO "
    "NOTHING";
constexpr char kGet[] = "SELECT value FROM run_parameters WHERE run_id = $1 AND name = $2";
constexpr char kSelect[] =
    "SELECT run_id, name, value FROM (VALUES $ids) AS ids CROSS JOIN run_parameters WHERE run_id = column1";

// A value as it is kept. PostgreSQL takes no NUL, so a text with one is kept as JSON writes it.
std::string Kept(const Json& value) {
  const bool has_nul =
      value.is_string() && value.get_ref<const std::string&>().find('\0') != std::string::npos;
  return std::string(FirstRunes(has_nul ? DumpJson(value) : JsonText(value), kRunParameterRunes));
}

}  // namespace

absl::Status RunParametersBatch::Add(absl::string_view run_id, absl::string_view parameters,
                                     absl::string_view defaults) {
  Json given = Json::object();
  for (const absl::string_view text : {parameters, defaults}) {
    if (text.empty() || text == "{}") continue;
    auto json = ParseJson(text);
    if (!json.ok() || !json->is_object()) return absl::DataLossError("parameters of a run cannot be read");
    // One that is null is as if it was not given.
    for (const auto& [name, value] : json->items()) {
      if (!value.is_null() && !given.contains(name)) given[name] = value;
    }
  }
  for (const auto& [name, value] : given.items()) {
    parameters_.push_back({std::string(run_id), name, Kept(value)});
  }
  return absl::OkStatus();
}

absl::Status RunParametersBatch::Write(db::Tx& tx) const {
  if (parameters_.empty()) return absl::OkStatus();
  static const db::RowsStatement insert(kInsert, 3);
  std::vector<db::Param> params;
  for (const Parameter& one : parameters_) params.insert(params.end(), {one.run_id, one.name, one.value});
  return insert.ExecuteLater(tx, params);
}

absl::StatusOr<std::string> RunParameterSet(db::Tx& tx, absl::string_view run_id, absl::string_view name,
                                            absl::string_view value) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const int64_t inserted, tx.Execute(kInsertOne, {run_id, name, value}));
  if (inserted > 0) return std::string(value);
  ASSIGN_OR_RETURN(const std::optional<std::string> known,
                   db::QueryValue<std::string>(tx, kGet, {run_id, name}));
  return known.value_or("");
}

absl::Status RunParametersLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                                RunParameterRows* parameters) {
  return db::QueryOfIdsLater(tx, kSelect, run_ids, [parameters](const db::Row& row) {
    (*parameters)[row.String(0)][row.String(1)] = row.String(2);
    return absl::OkStatus();
  });
}

}  // namespace penstock
