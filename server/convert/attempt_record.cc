#include "server/convert/attempt_record.h"

#include <string>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "google/protobuf/util/time_util.h"
#include "server/convert/timestamp.h"

namespace penstock {
namespace {

std::string StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t NumberAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// The list or object at `key`; an empty one if there is none.
const Json& PartAt(const Json& object, const char* key) {
  static const Json* const kNothing = new Json(Json::array());
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : *kNothing;
}

template <typename Add>
void ForEachText(const Json& list, Add add) {
  for (const Json& item : list) {
    if (item.is_string()) add(item.get_ref<const std::string&>());
  }
}

absl::StatusOr<Json> Parse(absl::string_view sha256, absl::string_view text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok() || !json->is_object()) return error::AttemptTextDamaged(sha256);
  return json;
}

// The command as it ran: ids in place of the placeholders that stand for them.
void RestoreIds(const TaskAttemptRow& row, const Json& filled, penstock::v1::AttemptSetup* setup) {
  for (const Json& position : filled) {
    if (!position.is_number_integer()) continue;
    const int64_t at = position.get<int64_t>();
    if (at < 0 || at >= setup->command_size()) continue;
    std::string* argument = setup->mutable_command(static_cast<int>(at));
    *argument = absl::StrReplaceAll(*argument, {{kRunIdPlaceholder, row.run_id},
                                                {kTaskIdPlaceholder, row.task_id},
                                                {kAttemptIdPlaceholder, row.attempt_id}});
  }
}

void FillSetup(absl::string_view sha256, const Json& json, penstock::v1::AttemptSetup* out) {
  out->set_sha256(sha256.data(), sha256.size());
  out->set_command_sha256(Sha256Hex(DumpJson(PartAt(json, "command"))));
  ForEachText(PartAt(json, "command"), [&](const std::string& argument) { out->add_command(argument); });
  out->set_image(StringAt(json, "image"));
  for (const auto& [name, value] : PartAt(json, "variables").items()) {
    if (value.is_string()) (*out->mutable_variables())[name] = value.get<std::string>();
  }
  out->set_cpu_millicores(NumberAt(json, "cpu_millicores"));
  out->set_memory_bytes(NumberAt(json, "memory_bytes"));
  for (const auto& [type, count] : PartAt(json, "accelerators").items()) {
    if (count.is_number_integer()) (*out->mutable_accelerators())[type] = count.get<int64_t>();
  }
}

}  // namespace

absl::Status SetupToApi(absl::string_view sha256, absl::string_view text, penstock::v1::AttemptSetup* out) {
  ASSIGN_OR_RETURN(const Json json, Parse(sha256, text));
  FillSetup(sha256, json, out);
  return absl::OkStatus();
}

absl::Status PlaceToApi(absl::string_view sha256, absl::string_view text, penstock::v1::AttemptPlace* out) {
  ASSIGN_OR_RETURN(const Json json, Parse(sha256, text));
  out->set_sha256(sha256.data(), sha256.size());
  out->set_image_digest(StringAt(json, "image_digest"));
  const Json& machine = PartAt(json, "machine");
  penstock::v1::Machine* to = out->mutable_machine();
  to->set_hostname(StringAt(machine, "hostname"));
  to->set_kernel(StringAt(machine, "kernel"));
  to->set_os(StringAt(machine, "os"));
  to->set_architecture(StringAt(machine, "architecture"));
  to->set_cpu_model(StringAt(machine, "cpu_model"));
  to->set_cpus(static_cast<int32_t>(NumberAt(machine, "cpus")));
  to->set_memory_bytes(NumberAt(machine, "memory_bytes"));
  ForEachText(PartAt(machine, "gpus"), [&](const std::string& gpu) { to->add_gpus(gpu); });
  const auto interpreter = json.find("interpreter");
  if (interpreter == json.end()) return absl::OkStatus();
  out->mutable_interpreter()->set_path(StringAt(*interpreter, "path"));
  out->mutable_interpreter()->set_version(StringAt(*interpreter, "version"));
  ForEachText(PartAt(*interpreter, "packages"),
              [&](const std::string& package) { out->mutable_interpreter()->add_packages(package); });
  return absl::OkStatus();
}

absl::Status AttemptToApi(const TaskAttemptRow& row, const AttemptTexts& setups, const AttemptTexts& places,
                          penstock::v1::AttemptRecord* out) {
  out->set_run_id(row.run_id);
  out->set_task_id(row.task_id);
  out->set_number(row.number);
  out->set_attempt_id(row.attempt_id);
  out->set_outcome(row.disrupted ? "DISRUPTED" : row.outcome);
  if (row.exit_code.has_value()) out->set_exit_code(*row.exit_code);
  if (row.signal.has_value()) out->set_signal(*row.signal);
  out->set_message(row.message);
  SetTimestamp(row.created_at, out->mutable_created_at());
  if (row.started_at != absl::UnixEpoch()) SetTimestamp(row.started_at, out->mutable_started_at());
  if (row.finished_at != absl::UnixEpoch()) SetTimestamp(row.finished_at, out->mutable_finished_at());
  *out->mutable_cpu_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToDuration(absl::ToInt64Microseconds(row.cpu_time));
  out->set_max_rss_bytes(row.max_rss_bytes);
  out->set_executor(row.holder);
  out->set_environment(row.environment);
  for (const absl::string_view package : absl::StrSplit(row.packages, '\n', absl::SkipEmpty())) {
    out->add_packages(package.data(), package.size());
  }
  if (const auto setup = setups.find(row.setup_sha256); setup != setups.end()) {
    ASSIGN_OR_RETURN(const Json json, Parse(setup->first, setup->second));
    FillSetup(setup->first, json, out->mutable_setup());
    RestoreIds(row, PartAt(json, "filled"), out->mutable_setup());
  }
  if (const auto place = places.find(row.place_sha256); place != places.end()) {
    RETURN_IF_ERROR(PlaceToApi(place->first, place->second, out->mutable_place()));
  }
  return absl::OkStatus();
}

}  // namespace penstock
