// Metrics of runs: handlers of penstock.v1.MetricService. See penstock/v1/metric.proto.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/metric.pb.h"
#include "server/context.h"

namespace penstock {

// NOT_FOUND for a run or task that is not there; FAILED_PRECONDITION for an archived run; INVALID_ARGUMENT for a point
// that cannot be; RESOURCE_EXHAUSTED past limits::kRunMetricSeries.
absl::Status MetricsLog(RequestContext& context, const penstock::v1::LogMetricsRequest& request,
                        penstock::v1::LogMetricsResponse* reply);
absl::Status MetricList(RequestContext& context, const penstock::v1::ListMetricsRequest& request,
                        penstock::v1::ListMetricsResponse* reply);
absl::Status MetricRead(RequestContext& context, const penstock::v1::ReadMetricRequest& request,
                        penstock::v1::ReadMetricResponse* reply);
absl::Status ClassificationMetricList(RequestContext& context,
                                      const penstock::v1::ListClassificationMetricsRequest& request,
                                      penstock::v1::ListClassificationMetricsResponse* reply);

}  // namespace penstock
