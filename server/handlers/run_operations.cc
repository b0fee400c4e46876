#include "server/handlers/run_operations.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "runs/run_verbs.h"
#include "server/convert/bytes.h"
#include "server/errors.h"
#include "server/handlers/run.h"
#include "server/validate.h"
#include "storage/experiment_store.h"
#include "storage/list_filter.h"
#include "storage/list_query.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

using penstock::v1::ApplyToRunsRequest;
using penstock::v1::ApplyToRunsResponse;

constexpr int kApplyBatch = 100;  // runs in one transaction
constexpr size_t kRequestMarkSize = 16;

absl::Status ReadRecord(db::Tx& tx, const std::string& run_id, penstock::v1::RunRecord* reply) {
  reply->Clear();
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  Tags tags;
  RETURN_IF_ERROR(TagsRead(tx, run_id, &tags));
  reply->set_run_id(row.run_id);
  reply->set_description(row.description);
  reply->mutable_tags()->insert(tags.begin(), tags.end());
  return absl::OkStatus();
}

absl::Status CheckApply(const ApplyToRunsRequest& request) {
  ASSIGN_OR_RETURN(const auto predicates, ParseFilter(request.filter()));
  const bool restricted = !request.experiment_id().empty() || !predicates.empty();
  if (request.action() == ApplyToRunsRequest::ACTION_UNSPECIFIED ||
      !ApplyToRunsRequest::Action_IsValid(request.action())) {
    return error::FieldRequired("action", "give ARCHIVE, UNARCHIVE, TERMINATE, DELETE or TAG");
  }
  if (restricted == request.all()) return error::ApplyRunsNotSaid();
  for (const std::string& name : request.remove_tags()) {
    if (request.tags().contains(name)) return error::ApplyTagTwice(name);
  }
  const bool has_tags = request.tags_size() > 0 || request.remove_tags_size() > 0;
  if ((request.action() == ApplyToRunsRequest::TAG) != has_tags) return error::ApplyTagsWithoutAction();
  return CheckTags(TagsFrom(request.tags()));
}

absl::Status ApplyTags(db::Tx& tx, const ApplyToRunsRequest& request, const RunRow& row, bool* changed) {
  Tags tags;
  RETURN_IF_ERROR(TagsRead(tx, row.run_id, &tags));
  const Tags before = tags;
  for (const std::string& name : request.remove_tags()) tags.erase(name);
  for (const auto& [name, value] : request.tags()) tags[name] = value;
  RETURN_IF_ERROR(CheckTags(tags));
  *changed = tags != before;
  return *changed && !request.dry_run() ? TagsReplace(tx, row.run_id, tags) : absl::OkStatus();
}

// Does it to one run, or with `dry_run` finds out whether it would. A failure leaves the transaction usable.
absl::Status ApplyTo(db::Tx& tx, const ApplyToRunsRequest& request, const RunRow& row, absl::Time now,
                     RunHints& hints, bool* changed) {
  const bool dry = request.dry_run();
  *changed = true;
  switch (request.action()) {
    case ApplyToRunsRequest::ARCHIVE:
      *changed = row.storage_state != StorageState::kArchived;
      return *changed && !dry ? RunArchive(tx, row.run_id) : absl::OkStatus();
    case ApplyToRunsRequest::UNARCHIVE:
      *changed = row.storage_state != StorageState::kAvailable;
      if (!*changed) return absl::OkStatus();
      return dry ? RunMayBeUnarchived(tx, row) : RunUnarchive(tx, row.run_id);
    case ApplyToRunsRequest::TERMINATE:
      *changed = IsTerminable(row.state);
      return *changed && !dry ? RunTerminate(tx, row.run_id, now, hints) : absl::OkStatus();
    case ApplyToRunsRequest::DELETE:
      return dry ? absl::OkStatus() : RunDelete(tx, row.run_id, now, hints);
    default:
      return ApplyTags(tx, request, row, changed);
  }
}

void Count(const RunRow& row, const absl::Status& status, bool changed, ApplyToRunsResponse& out) {
  out.set_matched(out.matched() + 1);
  if (!status.ok()) {
    out.set_failed(out.failed() + 1);
    if (out.failures_size() >= limits::kApplyNamed) return;
    ApplyToRunsResponse::Failure* failure = out.add_failures();
    failure->set_run_id(row.run_id);
    failure->set_code(static_cast<int>(status.code()));
    failure->set_message(std::string(status.message()));
  } else if (changed) {
    out.set_changed(out.changed() + 1);
    if (out.run_ids_size() < limits::kApplyNamed) out.add_run_ids(row.run_id);
  } else {
    out.set_unchanged(out.unchanged() + 1);
  }
}

// What an error leaves behind when it ends a call after some of its batches.
absl::Status AfterEarlierBatches(const absl::Status& status, const ApplyToRunsRequest& request,
                                 const ApplyToRunsResponse& before) {
  if (status.ok() || before.matched() == 0) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; before that ", before.changed(),
                                                  " of ", before.matched(), " runs that match were changed",
                                                  request.dry_run() ? " or would be" : ", and stay so"));
}

// A page token is for the request that it was given for, dry or not.
std::string RequestMark(const ApplyToRunsRequest& request) {
  ApplyToRunsRequest of_all_pages = request;
  of_all_pages.clear_page_token();
  Sha256 hash;
  hash.Add(BytesOf(of_all_pages));
  return hash.HexDigest().substr(0, kRequestMarkSize);
}

absl::StatusOr<std::string> ListTokenOf(const ApplyToRunsRequest& request) {
  if (request.page_token().empty()) return "";
  if (!absl::StartsWith(request.page_token(), RequestMark(request))) return error::ApplyPageTokenWrong();
  return request.page_token().substr(kRequestMarkSize);
}

absl::StatusOr<ListQuery> ApplyQuery(const RequestContext& context, const ApplyToRunsRequest& request,
                                     const std::string& page_token) {
  std::optional<ListScope> scope;
  if (!request.experiment_id().empty()) scope = ListScope{"experiment_id", request.experiment_id()};
  // By what no action changes, so that a run is neither passed over nor met twice.
  const ListRequest list = {kApplyBatch, page_token, "created_at asc", request.filter()};
  return ListQuery::Create(RunResource(), list, std::move(scope), context.deps.store.page_token_key());
}

// The artifacts among the run's parameters.
absl::StatusOr<api::Run> WithArtifacts(const penstock::v1::CreateRunRequest& request) {
  api::Run run = request.run();
  for (const auto& [name, given] : request.artifacts()) {
    auto [entry, fresh] = run.mutable_runtime_config()->mutable_parameters()->insert({name, {}});
    if (!fresh) return error::RunArtifactGivenTwice(name);
    Json list = Json::array();
    for (const penstock::v1::RunArtifact& artifact : given.artifacts()) {
      Json one = Json::object();
      if (artifact.has_artifact_id()) one["artifact_id"] = absl::StrCat(artifact.artifact_id());
      if (artifact.has_uri()) one["uri"] = artifact.uri();
      if (artifact.has_metadata()) {
        ASSIGN_OR_RETURN(one["metadata"], JsonFromStruct(artifact.metadata()));
      }
      list.push_back(std::move(one));
    }
    JsonToValue(list.size() == 1 ? list[0] : list, &entry->second);
  }
  return run;
}

}  // namespace

absl::Status RunCreateOnce(RequestContext& context, const penstock::v1::CreateRunRequest& request,
                           api::Run* reply) {
  RunCreateOptions options;
  options.request_id = request.request_id();
  if (options.request_id.empty()) {
    return error::FieldRequired("request_id",
                                "give an id of your own, new for each run that you mean to create");
  }
  RETURN_IF_ERROR(CheckNewId("request_id", options.request_id));
  options.tags = TagsFrom(request.tags());
  RETURN_IF_ERROR(CheckTags(options.tags));
  Sha256 hash;
  hash.Add(BytesOf(request));
  options.request_sha256 = hash.HexDigest();
  ASSIGN_OR_RETURN(const api::Run run, WithArtifacts(request));
  return RunCreate(context, run, options, reply);
}

absl::Status RunRecordGet(RequestContext& context, const penstock::v1::GetRunRecordRequest& request,
                          penstock::v1::RunRecord* reply) {
  return context.deps.store.Read([&](db::Tx& tx) { return ReadRecord(tx, request.run_id(), reply); });
}

absl::Status RunUpdate(RequestContext& context, const penstock::v1::UpdateRunRequest& request,
                       penstock::v1::RunRecord* reply) {
  RETURN_IF_ERROR(CheckDescription(request.description()));
  const Tags tags = TagsFrom(request.tags().tags());
  RETURN_IF_ERROR(CheckTags(tags));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    if (request.has_description()) {
      RETURN_IF_ERROR(RunSetDescription(tx, request.run_id(), request.description()));
    }
    if (request.has_tags()) RETURN_IF_ERROR(TagsReplace(tx, request.run_id(), tags));
    return ReadRecord(tx, request.run_id(), reply);
  });
}

absl::Status RunsApply(RequestContext& context, const ApplyToRunsRequest& request,
                       ApplyToRunsResponse* reply) {
  RETURN_IF_ERROR(CheckApply(request));
  ASSIGN_OR_RETURN(std::string page_token, ListTokenOf(request));
  do {
    ASSIGN_OR_RETURN(const ListQuery query, ApplyQuery(context, request, page_token));
    const ApplyToRunsResponse before = *reply;
    Page<RunRow> page;
    const auto apply = [&](db::Tx& tx, RunHints& hints) -> absl::Status {
      *reply = before;
      if (!request.experiment_id().empty()) {
        RETURN_IF_ERROR(ExperimentCheckLater(tx, request.experiment_id()));
      }
      RETURN_IF_ERROR(RunList(tx, query, page));
      const absl::Time now = context.deps.clock.Now();
      for (const RunRow& row : page.rows) {
        bool changed = false;
        const absl::Status status = ApplyTo(tx, request, row, now, hints, &changed);
        if (absl::IsUnavailable(status) || absl::IsInternal(status)) return status;  // of the database
        Count(row, status, changed, *reply);
      }
      return absl::OkStatus();
    };
    const auto look = [&](db::Tx& tx) {
      RunHints nobody;
      return apply(tx, nobody);
    };
    RETURN_IF_ERROR(AfterEarlierBatches(
        request.dry_run() ? context.deps.store.Read(look) : WriteRuns(context.deps.store, apply), request,
        before));
    page_token = page.next_page_token;
  } while (!page_token.empty() && reply->matched() < limits::kApplyRuns);
  if (!page_token.empty()) reply->set_next_page_token(absl::StrCat(RequestMark(request), page_token));
  return absl::OkStatus();
}

}  // namespace penstock
