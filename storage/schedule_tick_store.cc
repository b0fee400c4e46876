#include "storage/schedule_tick_store.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/status_macros.h"
#include "storage/db/rows.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(
    db::Key("recurring_run_id", &ScheduleTickRow::recurring_run_id),
    db::Key("due_at_us", &ScheduleTickRow::due_at),
    db::Column("last_due_at_us", &ScheduleTickRow::last_due_at),
    db::Column("slot_count", &ScheduleTickRow::slot_count),
    db::Column("decision", &ScheduleTickRow::decision), db::Column("reason", &ScheduleTickRow::reason),
    db::Column("message", &ScheduleTickRow::message), db::Column("run_id", &ScheduleTickRow::run_id),
    db::Column("run_index", &ScheduleTickRow::run_index),
    db::Column("decided_at_us", &ScheduleTickRow::decided_at));
// Gives back the slots that it stored: one that is decided already is left as it is.
constexpr db::SqlText kPut = kColumns.Sql(R"sql(
  INSERT INTO schedule_ticks ($columns) VALUES $rows
  ON CONFLICT (recurring_run_id, due_at_us) DO UPDATE SET $excluded
    WHERE schedule_ticks.decision = 'OVERLAPPED'
  RETURNING recurring_run_id, due_at_us)sql");
constexpr char kGiveUp[] =
    "UPDATE schedule_ticks SET decision = 'SKIPPED', reason = $2, decided_at_us = $3 "
    "WHERE recurring_run_id = $1 AND decision = 'OVERLAPPED'";
// $2 is one less than what is kept: the tick at this offset is the oldest that stays.
constexpr char kKeep[] = R"sql(
  DELETE FROM schedule_ticks WHERE recurring_run_id = $1 AND due_at_us <
    (SELECT due_at_us FROM schedule_ticks WHERE recurring_run_id = $1 ORDER BY due_at_us DESC LIMIT 1 OFFSET $2))sql";

constexpr ListField kFields[] = {
    {"due_at", "due_at_us", FieldType::kTime},
    {"decision", "decision", FieldType::kText, /*sortable=*/false},
    {"reason", "reason", FieldType::kText, /*sortable=*/false},
    {"run_id", "run_id", FieldType::kText, /*sortable=*/false},
};

}  // namespace

// Within a recurring run the time alone tells ticks apart, so its id is as good as any for the second key.
const ListResource& ScheduleTickResource() {
  static constexpr ListResource resource = {"ticks", "schedule_ticks", "recurring_run_id", kFields};
  return resource;
}

absl::Status ScheduleTicksPut(db::Tx& tx, absl::Span<const ScheduleTickRow> rows, std::vector<bool>* stored) {
  static const db::RowsStatement put(kPut, kColumns.size());
  std::vector<db::Param> params;
  for (const ScheduleTickRow& row : rows) kColumns.AppendParams(row, &params);
  absl::flat_hash_set<std::pair<std::string, int64_t>> slots;
  RETURN_IF_ERROR(put.Query(tx, params, [&](const db::Row& row) {
    slots.emplace(row.String(0), row.Int64(1));
    return absl::OkStatus();
  }));
  stored->clear();
  for (const ScheduleTickRow& row : rows) {
    stored->push_back(slots.contains({row.recurring_run_id, absl::ToUnixMicros(row.due_at)}));
  }
  return absl::OkStatus();
}

absl::Status ScheduleTickList(db::Tx& tx, const ListQuery& query, Page<ScheduleTickRow>& page) {
  return query.Run(tx, kColumns, /*counter=*/"", page);
}

absl::Status ScheduleTickGiveUp(db::Tx& tx, absl::string_view recurring_run_id, TickReason reason,
                                absl::Time now) {
  return tx.Execute(kGiveUp, {recurring_run_id, Name(reason), now}).status();
}

absl::Status ScheduleTicksKeep(db::Tx& tx, absl::string_view recurring_run_id, int64_t count) {
  return tx.ExecuteLater(kKeep, {recurring_run_id, count - 1});
}

}  // namespace penstock
