// Checks of what requests carry: sizes, required fields, characters. Bounds are in common/limits.h;
// INVALID_ARGUMENT names the field and what would be right.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "google/protobuf/map.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/errors.h"
#include "storage/model.h"

namespace penstock {

// At most `limit_bytes` of UTF-8 without NUL; control characters only where `multi_line`.
absl::Status CheckText(absl::string_view field, absl::string_view text, int64_t limit_bytes,
                       bool multi_line = false);

// The same, and not empty or only white space.
absl::Status CheckName(absl::string_view field, absl::string_view text, int64_t limit_bytes);

// A time that a client gives. INVALID_ARGUMENT for one that RFC 3339 cannot write.
absl::StatusOr<absl::Time> CheckedTime(absl::string_view field, const google::protobuf::Timestamp& time);

absl::Status CheckDescription(absl::string_view text);

// Whether no step between '/' is empty, '.' or '..'.
bool IsShortestPath(absl::string_view path);

// An id that a client chose for a new object: letters, digits, '-', '_' and '.', not starting with '.'.
absl::Status CheckNewId(absl::string_view field, absl::string_view id);

// KFP's rules for tags of pipelines and versions.
absl::Status CheckTags(const Tags& tags);
Tags TagsFrom(const google::protobuf::Map<std::string, std::string>& tags);

// INVALID_ARGUMENT for a number that the enum does not have: protobuf passes any on.
template <typename Enum>
absl::Status CheckEnum(absl::string_view field, Enum value) {
  return google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value) == nullptr
             ? error::EnumUnknown(field, value)
             : absl::OkStatus();
}

}  // namespace penstock
