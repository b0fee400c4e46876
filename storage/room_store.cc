#include "storage/room_store.h"

#include "common/json.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr char kRoomSetting[] = "room";

Json ToJson(const RoomHolderRow& row) {
  return {{"run", row.run_id},
          {"task", row.task_name},
          {"cpu_millicores", row.cpu_millicores},
          {"memory_bytes", row.memory_bytes},
          {"since_us", absl::ToUnixMicros(row.since)}};
}

RoomHolderRow HolderFrom(const Json& json) {
  return {.run_id = json.value("run", ""),
          .task_name = json.value("task", ""),
          .cpu_millicores = json.value("cpu_millicores", int64_t{0}),
          .memory_bytes = json.value("memory_bytes", int64_t{0}),
          .since = absl::FromUnixMicros(json.value("since_us", int64_t{0}))};
}

}  // namespace

absl::Status RoomPut(db::Tx& tx, const RoomRow& row) {
  Json json = {{"cpu_millicores", row.cpu_millicores},
               {"memory_bytes", row.memory_bytes},
               {"used_cpu_millicores", row.used_cpu_millicores},
               {"used_memory_bytes", row.used_memory_bytes},
               {"setting", row.setting},
               {"holders", Json::array()},
               {"holders_left_out", row.holders_left_out}};
  for (const RoomHolderRow& holder : row.holders) json["holders"].push_back(ToJson(holder));
  if (row.kept_for.has_value()) json["kept_for"] = ToJson(*row.kept_for);
  return SettingSet(tx, kRoomSetting, DumpJson(json));
}

absl::StatusOr<std::optional<RoomRow>> RoomGet(db::Tx& tx) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, SettingGet(tx, kRoomSetting));
  if (!text.has_value()) return std::nullopt;
  const absl::StatusOr<Json> json = ParseJson(*text);
  if (!json.ok() || !json->is_object()) {
    return absl::DataLossError("the stored room of the executors is no object");
  }
  RoomRow row;
  row.cpu_millicores = json->value("cpu_millicores", int64_t{0});
  row.memory_bytes = json->value("memory_bytes", int64_t{0});
  row.used_cpu_millicores = json->value("used_cpu_millicores", int64_t{0});
  row.used_memory_bytes = json->value("used_memory_bytes", int64_t{0});
  row.setting = json->value("setting", "");
  row.holders_left_out = json->value("holders_left_out", 0);
  for (const Json& holder : json->value("holders", Json::array())) row.holders.push_back(HolderFrom(holder));
  if (json->contains("kept_for")) row.kept_for = HolderFrom(json->at("kept_for"));
  return row;
}

}  // namespace penstock
