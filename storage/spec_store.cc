#include "storage/spec_store.h"

#include <zstd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr int kCompressionLevel = 3;
constexpr char kInsert[] =
    "INSERT INTO specs (spec_sha256, size_bytes, content, pipeline_name) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (spec_sha256) DO NOTHING";
constexpr char kExists[] = "SELECT 1 FROM specs WHERE spec_sha256 = $1";
constexpr char kDeleteUnused[] = R"sql(
  DELETE FROM specs WHERE spec_sha256 = $1
    AND NOT EXISTS (SELECT 1 FROM pipeline_versions v WHERE v.spec_sha256 = $1)
    AND NOT EXISTS (SELECT 1 FROM run_configs c WHERE c.spec_sha256 = $1)
    AND NOT EXISTS (SELECT 1 FROM recurring_runs r WHERE r.spec_sha256 = $1))sql";
constexpr char kSelect[] = "SELECT size_bytes, content FROM specs WHERE spec_sha256 = $1";

// The end of the JSON text that begins behind `from`, a quote.
size_t EndOfText(absl::string_view json, size_t from) {
  while (from < json.size() && json[from] != '"') from += json[from] == '\\' ? 2 : 1;
  return from;
}

}  // namespace

// A spec may be large and is parsed when it is used, not when it is stored: this looks for one text by the braces.
std::string PipelineNameOf(absl::string_view json) {
  std::vector<absl::string_view> keys;  // of the objects that are open; one for each brace
  absl::string_view text;               // the last one that was read
  for (size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      const size_t end = EndOfText(json, at + 1);
      text = json.substr(at + 1, std::min(end, json.size()) - at - 1);
      at = end;
      const bool in_spec = keys.size() == 2 || (keys.size() == 3 && keys[0] == "pipeline_spec");
      const bool is_key = at + 1 < json.size() && json[at + 1] == ':';
      if (is_key || !in_spec || keys[keys.size() - 2] != "pipelineInfo" || keys.back() != "name") continue;
      const auto name = ParseJson(absl::StrCat("\"", text, "\""));
      return name.ok() && name->is_string() ? name->get<std::string>() : "";
    }
    if (c == ':') {
      if (!keys.empty()) keys.back() = text;
    } else if (c == '{' || c == '[') {
      keys.emplace_back();
    } else if ((c == '}' || c == ']') && !keys.empty()) {
      keys.pop_back();
    }
  }
  return "";
}

absl::Status SpecPut(db::Tx& tx, absl::string_view spec_sha256, absl::string_view text) {
  // Asked first, since compressing costs more than the question.
  bool exists = false;
  RETURN_IF_ERROR(tx.Query(kExists, {spec_sha256}, [&](const db::Row&) {
    exists = true;
    return absl::OkStatus();
  }));
  if (exists) return absl::OkStatus();
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), kCompressionLevel);
  if (ZSTD_isError(size)) return absl::InternalError(absl::StrCat("zstd: ", ZSTD_getErrorName(size)));
  packed.resize(size);
  const std::string name = PipelineNameOf(text);
  return tx.Execute(kInsert, {spec_sha256, text.size(), db::Blob{packed}, name}).status();
}

absl::StatusOr<std::string> SpecGet(db::Tx& tx, absl::string_view spec_sha256) {
  std::string text;
  bool found = false;
  RETURN_IF_ERROR(tx.Query(kSelect, {spec_sha256}, [&](const db::Row& row) -> absl::Status {
    found = true;
    const int64_t size = row.Int64(0);
    // Bounds what a damaged row could make us allocate.
    if (size < 0 || size > 4 * limits::kPackageBytes) return error::SpecSizeWrong();
    text.resize(size);
    const absl::string_view packed = row.Bytes(1);
    const size_t unpacked = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
    if (ZSTD_isError(unpacked) || unpacked != text.size()) return error::SpecDamaged(spec_sha256);
    return absl::OkStatus();
  }));
  if (!found) return error::SpecNotFound(spec_sha256);
  return text;
}

absl::Status SpecDeleteUnused(db::Tx& tx, absl::string_view spec_sha256) {
  return tx.Execute(kDeleteUnused, {spec_sha256}).status();
}

}  // namespace penstock
