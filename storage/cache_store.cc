#include "storage/cache_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

// Looked up by one statement. A list that is shorter is filled up, so that there are two texts to prepare.
constexpr size_t kBatch = 64;

constexpr auto kColumnsButFields = db::Columns(
    db::Key("namespace", &CacheEntryRow::namespace_), db::Key("fingerprint", &CacheEntryRow::fingerprint),
    db::Column("cache_group", &CacheEntryRow::cache_group), db::Column("run_id", &CacheEntryRow::run_id),
    db::Column("task_id", &CacheEntryRow::task_id),
    db::Column("output_parameters", &CacheEntryRow::output_parameters),
    db::Column("output_artifacts", &CacheEntryRow::output_artifacts),
    db::Column("created_at_us", &CacheEntryRow::created_at));
constexpr auto kColumns =
    db::Join(kColumnsButFields, db::Columns(db::Column("fields", &CacheEntryRow::fields)));
constexpr db::SqlText kPut = kColumns.Sql(R"sql(
  INSERT INTO cache_entries ($columns) VALUES ($values)
  ON CONFLICT (namespace, fingerprint) DO UPDATE SET $excluded)sql");
// Without the fields, which are long and tell only what a miss differs in.
constexpr db::SqlText kFind = kColumnsButFields.Sql(
    "SELECT $columns FROM cache_entries WHERE namespace = $1 AND fingerprint IN ($list)");
constexpr db::SqlText kOfGroup = kColumns.Sql(R"sql(
  SELECT $columns FROM cache_entries WHERE namespace = $1 AND cache_group = $2
  ORDER BY created_at_us DESC LIMIT $3)sql");

constexpr std::pair<CacheResult, absl::string_view> kResults[] = {
    {CacheResult::kHit, "HIT"}, {CacheResult::kMiss, "MISS"}, {CacheResult::kNotAsked, "NOT_ASKED"}};

std::string FindText(size_t count) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(absl::StrCat("$", i + 2));
  return absl::StrReplaceAll(kFind, {{"$list", absl::StrJoin(numbers, ", ")}});
}

}  // namespace

absl::string_view Name(CacheResult result) {
  for (const auto& [one, name] : kResults) {
    if (one == result) return name;
  }
  return "";
}

absl::Status CacheEntryPut(db::Tx& tx, const CacheEntryRow& row) {
  return tx.Execute(kPut, kColumns.Params(row)).status();
}

absl::StatusOr<std::map<std::string, CacheEntryRow>> CacheEntries(
    db::Tx& tx, absl::string_view namespace_, const std::vector<std::string>& fingerprints) {
  static const std::string one = FindText(1);
  static const std::string many = FindText(kBatch);
  std::map<std::string, CacheEntryRow> found;
  for (size_t begin = 0; begin < fingerprints.size(); begin += kBatch) {
    const size_t count = std::min(kBatch, fingerprints.size() - begin);
    std::vector<db::Param> params = {namespace_};
    params.insert(params.end(), fingerprints.begin() + begin, fingerprints.begin() + begin + count);
    // Filled up with the last one, which is only found once.
    if (count > 1) params.resize(kBatch + 1, params.back());
    RETURN_IF_ERROR(tx.Query(count > 1 ? many : one, db::Params(params), [&](const db::Row& row) {
      CacheEntryRow entry = kColumnsButFields.Read(row);
      std::string fingerprint = entry.fingerprint;
      found.emplace(std::move(fingerprint), std::move(entry));
      return absl::OkStatus();
    }));
  }
  return found;
}

absl::StatusOr<std::vector<CacheEntryRow>> CacheEntriesOfGroup(db::Tx& tx, absl::string_view namespace_,
                                                               absl::string_view group, int limit) {
  return db::QueryRows(tx, kOfGroup, {namespace_, group, limit}, kColumns);
}

std::string CacheDecisionText(const CacheDecision& decision) {
  Json json = Json::object();
  json["result"] = std::string(Name(decision.result));
  for (const auto& [name, text] :
       {std::pair("reason", &decision.reason), std::pair("field", &decision.field),
        std::pair("fingerprint", &decision.fingerprint), std::pair("run_id", &decision.run_id),
        std::pair("task_id", &decision.task_id)}) {
    if (!text->empty()) json[name] = *text;
  }
  return DumpJson(json);
}

absl::StatusOr<CacheDecision> CacheDecisionFromText(absl::string_view text) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok() || !json->is_object()) return error::CacheDecisionDamaged();
  CacheDecision decision;
  const auto result_text = json->value("result", std::string());
  const auto* result = std::find_if(std::begin(kResults), std::end(kResults),
                                    [&](const auto& known) { return known.second == result_text; });
  if (result == std::end(kResults)) return error::CacheDecisionDamaged();
  decision.result = result->first;
  decision.reason = json->value("reason", std::string());
  decision.field = json->value("field", std::string());
  decision.fingerprint = json->value("fingerprint", std::string());
  decision.run_id = json->value("run_id", std::string());
  decision.task_id = json->value("task_id", std::string());
  return decision;
}

}  // namespace penstock
