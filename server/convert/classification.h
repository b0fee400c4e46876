// Confusion matrices and ROC curves, as the kfp SDK puts them into the metadata of artifacts.
#pragma once

#include <vector>

#include "penstock/v1/metric.pb.h"
#include "storage/model.h"

namespace penstock {

// Those of a ClassificationMetrics or SlicedClassificationMetrics artifact, without task and name; none of any other. What
// is not as the SDK writes it is left out.
std::vector<penstock::v1::ClassificationMetrics> ClassificationMetricsOf(const ArtifactRow& artifact);

}  // namespace penstock
