// Whether a run that was done again gave the same. Pure.
#pragma once

#include "penstock/v1/rerun.pb.h"
#include "server/convert/run_account.h"

namespace penstock {

// Outputs are bounded by limits::kRerunOutputs, those that are not identical first; all are counted.
penstock::v1::RerunReport ReportRerun(const RunAccount& original, const RunAccount& rerun,
                                      const AttemptDocuments& documents);

}  // namespace penstock
