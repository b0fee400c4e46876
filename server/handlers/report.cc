#include "server/handlers/report.h"

#include "common/errors.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/errors.h"
#include "storage/run_store.h"

namespace penstock {
namespace {

constexpr char kRunIdLabel[] = "pipeline/runid";
// How old the workflow of an unknown run is before it is certain that nobody will write the run; KFP's
// default.
constexpr absl::Duration kGracePeriod = absl::Minutes(2);

// The text at `key` of a JSON object, empty if there is none.
std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

// The object's metadata, which has to name it.
absl::StatusOr<Json> MetadataOf(absl::string_view field, const std::string& text) {
  auto object = ParseJson(text);
  if (!object.ok()) return error::ReportNotJson(field, object.status().message());
  const Json none = Json::object();
  const auto found = object->is_object() ? object->find("metadata") : object->end();
  const Json& metadata = object->is_object() && found != object->end() && found->is_object() ? *found : none;
  for (const char* key : {"name", "namespace", "uid"}) {
    if (TextAt(metadata, key).empty()) return error::ReportMetadataMissing(field, key);
  }
  return metadata;
}

bool IsYoung(const Json& metadata, absl::Time now) {
  absl::Time created;
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, TextAt(metadata, "creationTimestamp"), &created, &error) &&
         now - created < kGracePeriod;
}

}  // namespace

absl::Status WorkflowReport(RequestContext& context, const api::ReportWorkflowRequest& request,
                            google::protobuf::Empty*) {
  ASSIGN_OR_RETURN(const Json metadata, MetadataOf("workflow", request.workflow()));
  const auto labels = metadata.find("labels");
  const std::string run_id =
      labels == metadata.end() || !labels->is_object() ? "" : TextAt(*labels, kRunIdLabel);
  if (run_id.empty()) return error::ReportWithoutRunId(kRunIdLabel);
  const absl::Status known = context.deps.store.Read([&](db::Tx& tx) { return RunGet(tx, run_id).status(); });
  if (absl::IsNotFound(known) && IsYoung(metadata, context.deps.clock.Now())) {
    return error::ReportedRunUnknownYet(Shorten(run_id, 100));
  }
  return known;
}

absl::Status ScheduledWorkflowReport(RequestContext&, const api::ReportScheduledWorkflowRequest& request,
                                     google::protobuf::Empty*) {
  ASSIGN_OR_RETURN(const Json metadata, MetadataOf("scheduled_workflow", request.scheduled_workflow()));
  return error::RecurringRunNotFound(Shorten(TextAt(metadata, "uid"), 100));
}

}  // namespace penstock
