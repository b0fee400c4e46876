// What runs and recurring runs are given for plugins, between the wire and storage.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "google/protobuf/map.h"
#include "google/protobuf/struct.pb.h"

namespace penstock {

using PluginInputs = google::protobuf::Map<std::string, google::protobuf::Struct>;

// The text that is stored: a JSON object by the name of the plugin, empty for none. INVALID_ARGUMENT with the
// bound that is passed; `field` names it, "run.plugins_input".
absl::StatusOr<std::string> PluginsFromApi(absl::string_view field, const PluginInputs& plugins);

// Whether `json` nests more than `levels` objects and lists. Recursion ends with the levels.
bool NestsDeeperThan(const Json& json, int levels);

// The reverse. DATA_LOSS if the text cannot be read.
absl::Status PluginsToApi(const std::string& stored, PluginInputs* plugins);

}  // namespace penstock
