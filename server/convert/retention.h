// Retention policies between rows and messages.
#pragma once

#include "absl/status/statusor.h"
#include "penstock/v1/retention.pb.h"
#include "storage/retention_store.h"

namespace penstock {

// The rules of a policy, checked; without times and what the server notes with it. INVALID_ARGUMENT.
absl::StatusOr<RetentionPolicyRow> RetentionPolicyFrom(const penstock::v1::RetentionPolicy& given);
void ToApi(const RetentionPolicyRow& row, penstock::v1::RetentionPolicy* out);
void ToApi(const RetentionRun& run, penstock::v1::PreviewRetentionPolicyResponse::Run* out);

}  // namespace penstock
