// A strict reader of protobuf's JSON form by reflection, whose errors say where in the document something is
// wrong and what would be right.
//
// Understood: field names in camelCase or as in the .proto file; integers also as text; enums by name or
// number; google.protobuf.Struct, Value, ListValue and Duration; maps with text or integer keys; null for an
// absent field. Texts in the JSON must be UTF-8, as ParseJson and ParseYaml give them. Pure functions, safe
// from any thread.
#pragma once

#include "absl/status/status.h"
#include "common/json.h"
#include "google/protobuf/message.h"
#include "pipeline/spec/doc_path.h"

namespace penstock {

struct JsonToProtoOptions {
  bool ignore_unknown_fields = false;  // rather than refuse them; enum values stay strict
};

// Overwrites `message` with `json`, which stands at `path` in its document.
// Returns INVALID_ARGUMENT "<path>: <what is wrong>" for an unknown field (naming the nearest known one), a
// value of the wrong kind or out of range, two members of one oneof, a field given under both of its names,
// or more than limits::kSpecDepth levels; `message` is then as it was.
absl::Status JsonToProto(const Json& json, const DocPath& path, const JsonToProtoOptions& options,
                         google::protobuf::Message* message);

// Renames the fields of `json`, which is a valid `descriptor`, to camelCase and drops fields that are null,
// so that documents that mean the same are the same.
void NormalizeFieldNames(const google::protobuf::Descriptor& descriptor, Json* json);

}  // namespace penstock
