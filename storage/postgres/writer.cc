#include "storage/postgres/writer.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"

namespace penstock::postgres {
namespace {

// "PENSTOCK" in ASCII, so that it meets no other program's lock.
#define PENSTOCK_TAKE_WRITE_LOCK "SELECT pg_advisory_xact_lock(5784115416231002955)"

// READ COMMITTED, so that each statement sees what was committed before the lock was got.
constexpr char kBegin[] = "BEGIN ISOLATION LEVEL READ COMMITTED; " PENSTOCK_TAKE_WRITE_LOCK "; ";
// Rows of writers that ended without saying so go after a while: nobody asks for them any more.
// A writer's row changes with every transaction: the fillfactor leaves room to do that within its page.
constexpr char kSetUp[] = "BEGIN; " PENSTOCK_TAKE_WRITE_LOCK
                          "; CREATE TABLE IF NOT EXISTS penstock_writers (writer_id TEXT NOT NULL PRIMARY "
                          "KEY, number BIGINT NOT NULL, "
                          "used_at TIMESTAMPTZ NOT NULL) WITH (fillfactor = 50); "
                          "DELETE FROM penstock_writers WHERE used_at < now() - INTERVAL '30 days'; COMMIT";
constexpr char kSelectNumber[] = "SELECT number FROM penstock_writers WHERE writer_id = $1";

constexpr absl::Duration kFatePause = absl::Milliseconds(200);
// How long it is tried to learn a transaction's fate: from a database that cannot be reached, and from one
// where the old connection still holds the lock, as it does for idle_in_transaction_session_timeout if the
// server was not told of its end.
constexpr absl::Duration kFateAwayMax = absl::Seconds(10);
constexpr absl::Duration kFateHeldMax = absl::Seconds(45);

}  // namespace

Writer::~Writer() {
  if (connection_ == nullptr || connection_->lost()) return;
  Rollback();
  (void)connection_->Execute("DELETE FROM penstock_writers WHERE writer_id = $1", {id_});
}

absl::Status Writer::Open() {
  RETURN_IF_ERROR(Connect());
  server_ = connection_->server();
  return absl::OkStatus();
}

absl::Status Writer::Connect() {
  connection_.reset();
  ASSIGN_OR_RETURN(auto connection, connector_.Connect());
  const absl::Status set_up = connection->Script(kSetUp);
  // Waiting does not help, unlike with a right that is missing for a while at work.
  if (connection->forbidden()) return absl::FailedPreconditionError(set_up.message());
  RETURN_IF_ERROR(set_up);
  connection_ = std::move(connection);
  return absl::OkStatus();
}

absl::Status Writer::Begin() {
  commit_failed_cleanly_ = false;
  if (connection_ == nullptr || connection_->lost()) {
    const absl::Status connected = Connect();
    // Whatever is wrong, it is not the caller's fault.
    if (!connected.ok()) return absl::UnavailableError(connected.message());
  }
  connection_->ClearFailure();
  ++number_;
  // `id_` is a UUID, so it can stand in the text.
  const absl::Status begun = connection_->Script(absl::StrCat(
      kBegin, "INSERT INTO penstock_writers (writer_id, number, used_at) VALUES ('", id_, "', ", number_,
      ", now()) ON CONFLICT (writer_id) DO UPDATE SET number = excluded.number, used_at = now()"));
  in_transaction_ = begun.ok();
  if (!begun.ok() && !connection_->lost()) (void)connection_->Script("ROLLBACK");
  return begun;
}

bool Writer::MayRunAgain() const {
  if (connection_ == nullptr) return commit_failed_cleanly_;
  return commit_failed_cleanly_ || connection_->lost() || connection_->conflicted();
}

absl::Status Writer::ReturnToMark() {
  connection_->ClearFailure();
  return connection_->Script("ROLLBACK TO SAVEPOINT member");
}

void Writer::Rollback() {
  if (!in_transaction_) return;
  in_transaction_ = false;
  if (connection_->lost()) return;
  const bool conflicted = connection_->conflicted();
  (void)connection_->Script("ROLLBACK");
  // After Commit has given a failed transaction up, MayRunAgain has yet to see why it failed.
  if (!conflicted) connection_->ClearFailure();
}

absl::Status Writer::Commit() {
  if (connection_->failed()) {
    // PostgreSQL would answer COMMIT with a silent ROLLBACK.
    Rollback();
    return absl::InternalError("a statement of the transaction failed and its caller went on");
  }
  absl::Status committed = connection_->Script("COMMIT");
  in_transaction_ = false;
  // An answer is the truth, an error as well. Only where there is none it has to be found out.
  if (committed.ok() || !connection_->lost()) return committed;
  switch (LearnFate()) {
    case Fate::kCommitted:
      return absl::OkStatus();
    case Fate::kRolledBack:
      commit_failed_cleanly_ = true;
      return committed;
    case Fate::kUnknown:
      connection_.reset();
      break;
  }
  return error::CommitUnknown();
}

// The lock is held until the old transaction has ended, so what is read under it is final.
Writer::Fate Writer::LearnFate() {
  const absl::Time begun = connector_.clock().Now();
  while (true) {
    connection_.reset();
    auto connection = connector_.Connect();
    const bool reached = connection.ok();
    if (reached) {
      connection_ = *std::move(connection);
      std::optional<int64_t> stored;
      absl::Status read = connection_->Script(kBegin);
      if (read.ok()) {
        read = connection_->Query(kSelectNumber, {id_}, [&](const db::Row& row) {
          stored = row.Int64(0);
          return absl::OkStatus();
        });
      }
      if (read.ok()) {
        (void)connection_->Script("ROLLBACK");
        return stored == number_ ? Fate::kCommitted : Fate::kRolledBack;
      }
    }
    if (connector_.clock().Now() - begun >= (reached ? kFateHeldMax : kFateAwayMax)) return Fate::kUnknown;
    Pause(kFatePause);
  }
}

}  // namespace penstock::postgres
