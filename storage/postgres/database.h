// PostgreSQL as a db::Database: writes of all callers in groups on one connection, reads on a bounded pool.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/db/database.h"
#include "storage/db/group_commit.h"
#include "storage/postgres/pool.h"
#include "storage/postgres/writer.h"

namespace penstock::postgres {

class Database final : public db::Database {
 public:
  // Connects to `url` (see WithDefaults); waits up to `wait_max` for a server that is starting. `writer_id`
  // is a UUID that names this process. Errors: see Connection::Open.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& url, const std::string& writer_id,
                                                        absl::Duration wait_max);

  absl::string_view kind() const override { return "postgres"; }
  // Errors besides the body's: UNAVAILABLE while the database is away.
  absl::Status Read(db::TxBody body) override;
  absl::Status Write(db::TxBody body) override { return group_commit_.Write(body); }
  void SetChangesListener(db::ChangesListener listener) override {
    group_commit_.SetChangesListener(std::move(listener));
  }
  absl::Status ExecuteScript(db::Tx& tx, absl::string_view script) override;

  // For whoever needs a connection of its own; lives as long as this.
  Connector& connector() { return connector_; }
  // For logs: server version and URL without password.
  std::string Describe() const;

 private:
  Database(const std::string& url, const std::string& writer_id);

  Connector connector_;
  Pool pool_;
  Writer writer_;
  db::GroupCommit group_commit_;
};

}  // namespace penstock::postgres
