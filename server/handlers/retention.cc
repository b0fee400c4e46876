#include "server/handlers/retention.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/retention.h"
#include "storage/experiment_store.h"
#include "storage/retention_store.h"

namespace penstock {
namespace {

constexpr int kPreviewNamed = 20;     // unless the request says how many
constexpr int kPreviewSearch = 2000;  // runs of one transaction

bool SameRules(const RetentionPolicyRow& a, const RetentionPolicyRow& b) {
  const auto rules = [](const RetentionPolicyRow& row) {
    return std::tie(row.max_age, row.max_runs, row.states, row.storage, row.keep_latest);
  };
  return rules(a) == rules(b);
}

bool IsOlder(const RetentionRun& a, const RetentionRun& b) {
  return std::tie(a.created_at, a.run_id) < std::tie(b.created_at, b.run_id);
}

// What a preview has found so far.
struct Preview {
  int64_t runs = 0;
  int64_t bytes = 0;
  bool more = false;
  std::vector<RetentionRun> oldest;
};

// Adds one batch of runs. Of each state the oldest come first, so the oldest of all are among the first of each.
absl::Status AddBatch(db::Tx& tx, const std::vector<RetentionRun>& batch, size_t named, Preview& preview) {
  for (const RetentionRun& run : batch) {
    if (preview.runs == limits::kRetentionPreviewRuns) {
      preview.more = true;
      return absl::OkStatus();
    }
    ++preview.runs;
    ASSIGN_OR_RETURN(const int64_t bytes, ArtifactBytesOf(tx, run.run_id));
    preview.bytes += bytes;
    preview.oldest.push_back(run);
  }
  std::sort(preview.oldest.begin(), preview.oldest.end(), &IsOlder);
  preview.oldest.resize(std::min(preview.oldest.size(), named));
  return absl::OkStatus();
}

absl::StatusOr<Preview> PreviewOf(Store& store, const RetentionPolicyRow& policy, absl::Time now,
                                  size_t named) {
  Preview preview;
  RetentionPosition position;
  while (!position.at_end && !preview.more) {
    Preview next;
    RetentionPosition moved;
    RETURN_IF_ERROR(store.Read([&](db::Tx& tx) -> absl::Status {
      next = preview;
      moved = position;
      std::vector<RetentionRun> batch;
      RETURN_IF_ERROR(RetentionSearch(tx, policy, now).Next(kPreviewSearch, &moved, &batch));
      return AddBatch(tx, batch, named, next);
    }));
    preview = std::move(next);
    position = moved;
  }
  return preview;
}

}  // namespace

absl::Status RetentionPolicySet(RequestContext& context,
                                const penstock::v1::SetRetentionPolicyRequest& request,
                                penstock::v1::RetentionPolicy* reply) {
  ASSIGN_OR_RETURN(const RetentionPolicyRow given, RetentionPolicyFrom(request.policy()));
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RetentionPolicyRow row = given;
    if (!row.experiment_id.empty()) {
      ASSIGN_OR_RETURN(const ExperimentRow experiment, ExperimentGet(tx, row.experiment_id));
      row.namespace_ = experiment.namespace_;
    }
    ASSIGN_OR_RETURN(const auto before, RetentionPolicyFind(tx, row.policy_id));
    row.created_at = row.updated_at = now;
    if (before.has_value()) {
      row.created_at = before->created_at;
      row.applied_at = before->applied_at;
      row.deleted_runs = before->deleted_runs;
      row.previewed_revision = before->previewed_revision;
      row.revision = before->revision + (SameRules(row, *before) ? 0 : 1);
    }
    RETURN_IF_ERROR(RetentionPolicyPut(tx, row));
    reply->Clear();
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status RetentionPolicyGet(RequestContext& context,
                                const penstock::v1::GetRetentionPolicyRequest& request,
                                penstock::v1::RetentionPolicy* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RetentionPolicyRow row, RetentionPolicyGet(tx, request.policy_id()));
    reply->Clear();
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status RetentionPolicyList(RequestContext& context,
                                 const penstock::v1::ListRetentionPoliciesRequest& request,
                                 penstock::v1::ListRetentionPoliciesResponse* reply) {
  const std::string sort_by = request.page_token().empty() ? "policy_id" : "";
  const ListRequest list = {request.page_size(), request.page_token(), sort_by, ""};
  ASSIGN_OR_RETURN(const ListQuery query, ListQuery::Create(RetentionPolicyResource(), list, std::nullopt,
                                                            context.deps.store.page_token_key()));
  Page<RetentionPolicyRow> page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) { return RetentionPolicyList(tx, query, page); }));
  for (const RetentionPolicyRow& row : page.rows) ToApi(row, reply->add_policies());
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status RetentionPolicyDelete(RequestContext& context,
                                   const penstock::v1::DeleteRetentionPolicyRequest& request,
                                   google::protobuf::Empty*) {
  return context.deps.store.Write([&](db::Tx& tx) { return RetentionPolicyDelete(tx, request.policy_id()); });
}

absl::Status RetentionPolicyPreview(RequestContext& context,
                                    const penstock::v1::PreviewRetentionPolicyRequest& request,
                                    penstock::v1::PreviewRetentionPolicyResponse* reply) {
  if (request.count() < 0 || request.count() > limits::kRetentionPreviewNamed) {
    return error::RetentionPreviewCountWrong(request.count(), limits::kRetentionPreviewNamed);
  }
  Store& store = context.deps.store;
  RetentionPolicyRow policy;
  if (request.policy_id().empty()) {
    ASSIGN_OR_RETURN(policy, RetentionPolicyFrom(request.policy()));
  } else {
    RETURN_IF_ERROR(store.Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(policy, RetentionPolicyGet(tx, request.policy_id()));
      return absl::OkStatus();
    }));
  }
  const size_t named = request.count() > 0 ? request.count() : kPreviewNamed;
  ASSIGN_OR_RETURN(const Preview preview, PreviewOf(store, policy, context.deps.clock.Now(), named));
  reply->set_run_count(preview.runs);
  reply->set_artifact_bytes(preview.bytes);
  reply->set_is_least(preview.more);
  RETURN_IF_ERROR(store.Read([&](db::Tx& tx) -> absl::Status {
    reply->clear_runs();
    for (const RetentionRun& run : preview.oldest) {
      auto* const out = reply->add_runs();
      ToApi(run, out);
      ASSIGN_OR_RETURN(const int64_t bytes, ArtifactBytesOf(tx, run.run_id));
      out->set_artifact_bytes(bytes);
    }
    return absl::OkStatus();
  }));
  if (request.policy_id().empty()) return absl::OkStatus();
  // What was shown is what is noted: rules that changed meanwhile were not.
  return store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(RetentionPolicyRow now, RetentionPolicyGet(tx, policy.policy_id));
    now.previewed_revision = std::max(now.previewed_revision, policy.revision);
    return RetentionPolicyPut(tx, now);
  });
}

}  // namespace penstock
