#include "storage/postgres/database.h"

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "storage/postgres/url.h"

namespace penstock::postgres {
namespace {

// A migration may have to rewrite a large table. It holds until the end of the transaction.
constexpr absl::Duration kScriptMax = absl::Hours(1);
constexpr absl::Duration kOpenPause = absl::Milliseconds(200);

// Time-outs and back-off are about the world outside, which no test moves.
const Clock& WallClock() { return RealClock::Instance(); }

}  // namespace

Database::Database(const std::string& url, const std::string& writer_id)
    : connector_(WithDefaults(url), WallClock()),
      pool_(connector_, WallClock()),
      writer_(connector_, writer_id),
      group_commit_(writer_) {}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& url, const std::string& writer_id,
                                                         absl::Duration wait_max) {
  std::unique_ptr<Database> database(new Database(url, writer_id));
  const absl::Time deadline = WallClock().Now() + wait_max;
  for (bool said = false;;) {
    const absl::Status opened = database->writer_.Open();
    if (opened.ok()) return database;
    if (!absl::IsUnavailable(opened) || WallClock().Now() >= deadline) return opened;
    if (!said) spdlog::warn("waiting for the database: {}", LogValue(opened.message()));
    said = true;
    Pause(kOpenPause);
  }
}

absl::Status Database::Read(db::TxBody body) {
  for (int tries_left = 2;; --tries_left) {
    auto taken = pool_.Take();
    // Whatever is wrong, it is not the caller's fault.
    if (!taken.ok()) return absl::UnavailableError(taken.status().message());
    std::unique_ptr<Connection> connection = *std::move(taken);
    connection->BeginRead();
    absl::Status status = connection->EndRead(body(*connection));
    // A connection that turns out to be dead with the first statement is replaced.
    const bool again = connection->lost() && !connection->read_answered() && tries_left > 0;
    pool_.Return(std::move(connection));
    if (!again) return status;
  }
}

absl::Status Database::ExecuteScript(db::Tx& tx, absl::string_view script) {
  auto& connection = static_cast<Connection&>(tx);
  RETURN_IF_ERROR(connection.EndBody(absl::OkStatus()));  // what was put off comes before the script
  return connection.Script(
      absl::StrCat("SET LOCAL statement_timeout = ", absl::ToInt64Milliseconds(kScriptMax), ";", script),
      kScriptMax + kAnswerMax);
}

std::string Database::Describe() const {
  return absl::StrCat(writer_.server(), " at ", WithoutPassword(connector_.url()));
}

}  // namespace penstock::postgres
