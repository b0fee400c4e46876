// Typed values of users: between protobuf and storage.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "storage/tag_store.h"

namespace penstock {

// INVALID_ARGUMENT, naming `field`, for a value that is null, too large, too deep, or no text.
absl::StatusOr<TypedTag> TagFromValue(absl::string_view field, const google::protobuf::Value& value);
void TagToValue(const TypedTag& tag, google::protobuf::Value* value);

}  // namespace penstock
