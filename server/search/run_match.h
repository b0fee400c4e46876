// Conditions and orders of runs, on what MLflow's API shows of them: for runs that no table has. Pure.
#pragma once

#include <vector>

#include "mlflow/entities.pb.h"
#include "storage/run_search_query.h"

namespace penstock {

bool MlflowRunMatches(const mlflow::Run& run, const std::vector<RunCondition>& conditions);
// Where it stands among runs that a search finds.
SearchPosition MlflowRunPosition(const mlflow::Run& run, const std::vector<RunOrder>& orders);

}  // namespace penstock
