#include "storage/attempt_record_store.h"

#include <zstd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

constexpr int kCompressionLevel = 3;
constexpr char kPutSetup[] = R"sql(
  INSERT INTO attempt_setups (setup_sha256, size_bytes, content, used_at_us) VALUES ($1, $2, $3, $4)
  ON CONFLICT (setup_sha256) DO UPDATE SET used_at_us = excluded.used_at_us)sql";
constexpr char kPutPlace[] = R"sql(
  INSERT INTO attempt_places (place_sha256, size_bytes, content, used_at_us) VALUES ($1, $2, $3, $4)
  ON CONFLICT (place_sha256) DO UPDATE SET used_at_us = excluded.used_at_us)sql";
constexpr char kGetSetup[] = "SELECT size_bytes, content FROM attempt_setups WHERE setup_sha256 = $1";
constexpr char kGetPlace[] = "SELECT size_bytes, content FROM attempt_places WHERE place_sha256 = $1";
constexpr char kLastLookedAt[] = R"sql(
  SELECT MAX(setup_sha256) FROM (
    SELECT setup_sha256 FROM attempt_setups WHERE setup_sha256 > $1 ORDER BY setup_sha256 LIMIT $2) AS s)sql";
constexpr char kSweep[] = R"sql(
  DELETE FROM attempt_setups
  WHERE setup_sha256 > $1 AND setup_sha256 <= $2 AND used_at_us < $3
    AND NOT EXISTS (SELECT 1 FROM task_attempts a WHERE a.setup_sha256 = attempt_setups.setup_sha256))sql";

absl::StatusOr<std::string> Unpacked(absl::string_view sha256, int64_t size, absl::string_view packed) {
  // Bounds what a damaged row could make us allocate.
  if (size < 0 || size > limits::kAttemptTextBytes) return error::AttemptTextDamaged(sha256);
  std::string text(size, '\0');
  const size_t unpacked = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (ZSTD_isError(unpacked) || unpacked != text.size()) return error::AttemptTextDamaged(sha256);
  return text;
}

}  // namespace

absl::Status AttemptTextPut(db::Tx& tx, AttemptText kind, absl::string_view sha256, absl::string_view text,
                            absl::Time now) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), kCompressionLevel);
  if (ZSTD_isError(size)) return absl::InternalError(absl::StrCat("zstd: ", ZSTD_getErrorName(size)));
  packed.resize(size);
  const char* const put = kind == AttemptText::kSetup ? kPutSetup : kPutPlace;
  return tx.Execute(put, {sha256, text.size(), db::Blob{packed}, now}).status();
}

absl::StatusOr<AttemptTexts> AttemptTextsGet(db::Tx& tx, AttemptText kind,
                                             const std::vector<std::string>& hashes) {
  AttemptTexts texts;
  const char* const get = kind == AttemptText::kSetup ? kGetSetup : kGetPlace;
  for (const std::string& sha256 : hashes) {
    if (sha256.empty() || texts.count(sha256) > 0) continue;
    RETURN_IF_ERROR(tx.Query(get, {sha256}, [&](const db::Row& row) -> absl::Status {
      ASSIGN_OR_RETURN(texts[sha256], Unpacked(sha256, row.Int64(0), row.Bytes(1)));
      return absl::OkStatus();
    }));
  }
  return texts;
}

absl::StatusOr<std::string> AttemptSetupsSweep(db::Tx& tx, absl::string_view after, int limit,
                                               absl::Time unused_since) {
  ASSIGN_OR_RETURN(const auto last,
                   db::QueryValue<std::optional<std::string>>(tx, kLastLookedAt, {after, limit}));
  if (!last.has_value() || !last->has_value()) return "";
  RETURN_IF_ERROR(tx.Execute(kSweep, {after, **last, unused_since}).status());
  return **last;
}

}  // namespace penstock
