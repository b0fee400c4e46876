#include "server/handlers/run_comparison.h"

#include <set>
#include <string>
#include <vector>

#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/run_comparison.h"
#include "server/errors.h"
#include "server/handlers/run_account.h"

namespace penstock {

absl::Status RunsCompare(RequestContext& context, const penstock::v1::CompareRunsRequest& request,
                         penstock::v1::RunComparison* reply) {
  if (request.run_ids_size() < 2 || request.run_ids_size() > limits::kComparedRuns) {
    return error::ComparedRunsWrong(request.run_ids_size(), limits::kComparedRuns);
  }
  const std::vector<std::string> run_ids(request.run_ids().begin(), request.run_ids().end());
  std::set<std::string> seen;
  for (const std::string& run_id : run_ids) {
    if (!seen.insert(run_id).second) return error::ComparedRunTwice(run_id);
  }
  const int tasks_max = limits::kComparedTasks / request.run_ids_size();
  ASSIGN_OR_RETURN(const RunsRead read, ReadRunAccounts(context, run_ids, tasks_max));
  *reply = CompareRuns(read.runs, read.documents, {.all = request.all()});
  return absl::OkStatus();
}

}  // namespace penstock
