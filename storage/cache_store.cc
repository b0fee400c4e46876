#include "storage/cache_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/json.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

// Looked up by one statement. A list that is shorter is filled up, so that there are two texts to prepare.
constexpr size_t kBatch = 64;

constexpr char kPut[] = R"sql(
  INSERT INTO cache_entries
    (namespace, fingerprint, cache_group, run_id, task_id, fields, output_parameters, output_artifacts, created_at_us)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  ON CONFLICT (namespace, fingerprint) DO UPDATE
  SET cache_group = excluded.cache_group, run_id = excluded.run_id, task_id = excluded.task_id,
    fields = excluded.fields, output_parameters = excluded.output_parameters,
    output_artifacts = excluded.output_artifacts, created_at_us = excluded.created_at_us)sql";
constexpr char kFind[] = R"sql(
  SELECT namespace, fingerprint, cache_group, run_id, task_id, '', output_parameters, output_artifacts, created_at_us
  FROM cache_entries WHERE namespace = $1 AND fingerprint IN ($list))sql";
constexpr char kOfGroup[] = R"sql(
  SELECT namespace, fingerprint, cache_group, run_id, task_id, fields, output_parameters, output_artifacts, created_at_us
  FROM cache_entries WHERE namespace = $1 AND cache_group = $2 ORDER BY created_at_us DESC LIMIT $3)sql";

constexpr std::pair<CacheResult, absl::string_view> kResults[] = {
    {CacheResult::kHit, "HIT"}, {CacheResult::kMiss, "MISS"}, {CacheResult::kNotAsked, "NOT_ASKED"}};

CacheEntryRow Read(const db::Row& row) {
  return {row.String(0),
          row.String(1),
          row.String(2),
          row.String(3),
          row.String(4),
          row.String(5),
          static_cast<int>(row.Int64(6)),
          static_cast<int>(row.Int64(7)),
          row.Time(8)};
}

std::string FindText(size_t count) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(absl::StrCat("$", i + 2));
  return absl::StrReplaceAll(kFind, {{"$list", absl::StrJoin(numbers, ", ")}});
}

}  // namespace

absl::Status CacheEntryPut(db::Tx& tx, const CacheEntryRow& row) {
  return tx
      .Execute(kPut, {row.namespace_, row.fingerprint, row.cache_group, row.run_id, row.task_id, row.fields,
                      row.output_parameters, row.output_artifacts, row.created_at})
      .status();
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
    if (count > 1) params.resize(kBatch + 1, params.back());
    RETURN_IF_ERROR(tx.Query(count > 1 ? many : one, db::Params(params), [&](const db::Row& row) {
      CacheEntryRow entry = Read(row);
      std::string fingerprint = entry.fingerprint;
      found.emplace(std::move(fingerprint), std::move(entry));
      return absl::OkStatus();
    }));
  }
  return found;
}

absl::StatusOr<std::vector<CacheEntryRow>> CacheEntriesOfGroup(db::Tx& tx, absl::string_view namespace_,
                                                               absl::string_view group, int limit) {
  std::vector<CacheEntryRow> rows;
  RETURN_IF_ERROR(tx.Query(kOfGroup, {namespace_, group, limit}, [&](const db::Row& row) {
    rows.push_back(Read(row));
    return absl::OkStatus();
  }));
  return rows;
}

std::string CacheDecisionText(const CacheDecision& decision) {
  Json json = Json::object();
  for (const auto& [result, name] : kResults) {
    if (result == decision.result) json["result"] = std::string(name);
  }
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
  const auto wrong = [] { return absl::DataLossError("a stored cache decision cannot be read"); };
  if (!json.ok() || !json->is_object()) return wrong();
  CacheDecision decision;
  const auto result_text = json->value("result", std::string());
  const auto* result = std::find_if(std::begin(kResults), std::end(kResults),
                                    [&](const auto& known) { return known.second == result_text; });
  if (result == std::end(kResults)) return wrong();
  decision.result = result->first;
  decision.reason = json->value("reason", std::string());
  decision.field = json->value("field", std::string());
  decision.fingerprint = json->value("fingerprint", std::string());
  decision.run_id = json->value("run_id", std::string());
  decision.task_id = json->value("task_id", std::string());
  return decision;
}

}  // namespace penstock
