// Models that runs log, with their parameters and metrics. Their tags are in the tag store, with LoggedModelTagOwner.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

std::string LoggedModelTagOwner(absl::string_view model_id);

absl::Status LoggedModelInsert(db::Tx& tx, const LoggedModelRow& row);
// Many, with one statement for each kind of rows. None of them is there yet; what rows refer to is there, or comes before.
absl::Status LoggedModelsInsert(db::Tx& tx, const std::vector<LoggedModelRow>& rows);
absl::Status LoggedModelParametersInsert(db::Tx& tx, const std::vector<LoggedModelParameterRow>& rows);
absl::Status LoggedModelMetricsInsert(db::Tx& tx, const std::vector<LoggedModelMetricRow>& rows);
absl::Status ModelLinksInsert(db::Tx& tx, const std::vector<ModelLinkRow>& rows);
// NOT_FOUND.
absl::StatusOr<LoggedModelRow> LoggedModelGet(db::Tx& tx, absl::string_view model_id);
// Writes status and updated_at anew.
absl::Status LoggedModelUpdate(db::Tx& tx, const LoggedModelRow& row);
// With all that belongs to it; its artifact stays, for lineage. NOT_FOUND.
absl::Status LoggedModelDelete(db::Tx& tx, absl::string_view model_id);

// Gives the model a parameter that it does not have yet. One that it has stays; it is returned then.
absl::StatusOr<std::string> LoggedModelParameterSet(db::Tx& tx, absl::string_view model_id,
                                                    absl::string_view name, absl::string_view value);
// Takes the value if none is later: by step, then time, then value. The model has to be there.
absl::Status LoggedModelMetricSet(db::Tx& tx, const LoggedModelMetricRow& row);

// A link that is there is overwritten. Run and model have to be there.
absl::Status ModelLinkSet(db::Tx& tx, const ModelLinkRow& row);

// Of many, by id; those that are not there are left out. Put off: what they fill has to be there until Tx::Flush.
using LoggedModelRows = std::map<std::string, LoggedModelRow>;
absl::Status LoggedModelsFindLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                   LoggedModelRows* models);
// Those that the run or a task of it is linked with, as models or by their artifacts.
absl::Status LoggedModelsOfRunLater(db::Tx& tx, absl::string_view run_id, LoggedModelRows* models);
using LoggedModelParameters = std::map<std::string, std::map<std::string, std::string>>;
absl::Status LoggedModelParametersLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                        LoggedModelParameters* parameters);
using LoggedModelMetrics = std::map<std::string, std::vector<LoggedModelMetricRow>>;
absl::Status LoggedModelMetricsLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                     LoggedModelMetrics* metrics);
// Of runs with their tasks, by run.
using ModelLinks = std::map<std::string, std::vector<ModelLinkRow>>;
absl::Status ModelLinksLater(db::Tx& tx, const std::vector<std::string>& run_ids, ModelLinks* links);

}  // namespace penstock
