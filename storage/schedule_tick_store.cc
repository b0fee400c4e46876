#include "storage/schedule_tick_store.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/status_macros.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr char kColumns[] =
    "recurring_run_id, due_at_us, last_due_at_us, slot_count, decision, reason, message, run_id, run_index, "
    "decided_at_us";
constexpr int kColumnCount = 10;
constexpr char kPut[] = R"sql(
  INSERT INTO schedule_ticks
    (recurring_run_id, due_at_us, last_due_at_us, slot_count, decision, reason, message, run_id, run_index,
     decided_at_us)
  VALUES $rows
  ON CONFLICT (recurring_run_id, due_at_us) DO UPDATE
    SET last_due_at_us = excluded.last_due_at_us, slot_count = excluded.slot_count, decision = excluded.decision,
        reason = excluded.reason, message = excluded.message, run_id = excluded.run_id,
        run_index = excluded.run_index, decided_at_us = excluded.decided_at_us
    WHERE schedule_ticks.decision = 'OVERLAPPED'
  RETURNING recurring_run_id, due_at_us)sql";
constexpr char kGiveUp[] =
    "UPDATE schedule_ticks SET decision = 'SKIPPED', reason = $2, decided_at_us = $3 "
    "WHERE recurring_run_id = $1 AND decision = 'OVERLAPPED'";
constexpr char kKeep[] = R"sql(
  DELETE FROM schedule_ticks WHERE recurring_run_id = $1 AND due_at_us <
    (SELECT due_at_us FROM schedule_ticks WHERE recurring_run_id = $1 ORDER BY due_at_us DESC LIMIT 1 OFFSET $2))sql";

constexpr ListField kFields[] = {
    {"due_at", "due_at_us", FieldType::kTime},
    {"decision", "decision", FieldType::kText, /*sortable=*/false},
    {"reason", "reason", FieldType::kText, /*sortable=*/false},
    {"run_id", "run_id", FieldType::kText, /*sortable=*/false},
};

ScheduleTickRow Read(const db::Row& row) {
  return {row.String(0),
          row.Time(1),
          row.Time(2),
          row.Int64(3),
          TickDecisionFromName(row.Text(4)).value_or(TickDecision::kSkipped),
          TickReasonFromName(row.Text(5)).value_or(TickReason::kDue),
          row.String(6),
          row.String(7),
          row.Int64(8),
          row.Time(9)};
}

}  // namespace

// Within a recurring run the time alone tells ticks apart, so its id is as good as any for the second key.
const ListResource& ScheduleTickResource() {
  static constexpr ListResource resource = {"ticks", "schedule_ticks", "recurring_run_id", kFields};
  return resource;
}

absl::Status ScheduleTicksPut(db::Tx& tx, absl::Span<const ScheduleTickRow> rows, std::vector<bool>& stored) {
  static const db::RowsStatement put(kPut, kColumnCount);
  std::vector<db::Param> params;
  for (const ScheduleTickRow& row : rows) {
    params.insert(params.end(),
                  {row.recurring_run_id, row.due_at, row.last_due_at, row.slot_count, Name(row.decision),
                   Name(row.reason), row.message, row.run_id, row.run_index, row.decided_at});
  }
  absl::flat_hash_set<std::pair<std::string, int64_t>> slots;
  RETURN_IF_ERROR(put.Query(tx, params, [&](const db::Row& row) {
    slots.emplace(row.String(0), row.Int64(1));
    return absl::OkStatus();
  }));
  stored.clear();
  for (const ScheduleTickRow& row : rows)
    stored.push_back(slots.contains({row.recurring_run_id, absl::ToUnixMicros(row.due_at)}));
  return absl::OkStatus();
}

absl::Status ScheduleTickList(db::Tx& tx, const ListQuery& query, Page<ScheduleTickRow>& page) {
  return query.Run(tx, kColumns, kColumnCount, /*counter=*/"", Read, page);
}

absl::Status ScheduleTickGiveUp(db::Tx& tx, absl::string_view recurring_run_id, TickReason reason,
                                absl::Time now) {
  return tx.Execute(kGiveUp, {recurring_run_id, Name(reason), now}).status();
}

absl::Status ScheduleTicksKeep(db::Tx& tx, absl::string_view recurring_run_id, int64_t count) {
  return tx.ExecuteLater(kKeep, {recurring_run_id, count - 1});
}

}  // namespace penstock
