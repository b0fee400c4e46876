#include "server/convert/classification.h"

#include <string>

#include "common/json.h"

namespace penstock {
namespace {

constexpr char kWhole[] = "system.ClassificationMetrics";
constexpr char kSliced[] = "system.SlicedClassificationMetrics";

// The member of an object; null if there is none.
const Json& Member(const Json& json, const char* name) {
  static const Json none;
  if (!json.is_object()) return none;
  const auto found = json.find(name);
  return found == json.end() ? none : *found;
}

double Number(const Json& json) { return json.is_number() ? json.get<double>() : 0; }

// The elements of a list; none of anything else.
const Json& List(const Json& json) {
  static const Json empty = Json::array();
  return json.is_array() ? json : empty;
}

void Fill(const Json& metadata, penstock::v1::ClassificationMetrics* out) {
  const Json& matrix = Member(metadata, "confusionMatrix");
  for (const Json& spec : List(Member(matrix, "annotationSpecs"))) {
    const Json& label = Member(spec, "displayName");
    out->mutable_confusion_matrix()->add_labels(label.is_string() ? label.get<std::string>()
                                                                  : JsonText(label));
  }
  for (const Json& row : List(Member(matrix, "rows"))) {
    auto* values = out->mutable_confusion_matrix()->add_rows();
    for (const Json& value : List(Member(row, "row"))) values->add_values(Number(value));
  }
  for (const Json& point : List(Member(metadata, "confidenceMetrics"))) {
    auto* of_curve = out->add_roc();
    of_curve->set_threshold(Number(Member(point, "confidenceThreshold")));
    of_curve->set_true_positive_rate(Number(Member(point, "recall")));
    of_curve->set_false_positive_rate(Number(Member(point, "falsePositiveRate")));
  }
}

}  // namespace

std::vector<penstock::v1::ClassificationMetrics> ClassificationMetricsOf(const ArtifactRow& artifact) {
  std::vector<penstock::v1::ClassificationMetrics> all;
  const bool sliced = artifact.schema_title == kSliced;
  if (!sliced && artifact.schema_title != kWhole) return all;
  const auto metadata = ParseJson(artifact.metadata);
  if (!metadata.ok()) return all;
  if (!sliced) Fill(*metadata, &all.emplace_back());
  for (const Json& slice : List(Member(*metadata, "evaluationSlices"))) {
    const Json& name = Member(slice, "slice");
    auto& one = all.emplace_back();
    one.set_slice(name.is_string() ? name.get<std::string>() : JsonText(name));
    Fill(Member(slice, "sliceClassificationMetrics"), &one);
  }
  for (auto& one : all) one.set_artifact_id(artifact.uuid);
  return all;
}

}  // namespace penstock
