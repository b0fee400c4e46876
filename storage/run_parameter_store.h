// Parameters of runs as they are searched: a text as it is, anything else as JSON, and of a long one the beginning.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"

namespace penstock {

// Characters of a value that are kept.
inline constexpr int kRunParameterRunes = 6000;

// Parameters of new runs, written together.
class RunParametersBatch {
 public:
  // `parameters` is a JSON object; those that are null are left out. DATA_LOSS if it is none.
  // `defaults`, likewise an object or empty, are those of parameters that are not given.
  absl::Status Add(absl::string_view run_id, absl::string_view parameters, absl::string_view defaults = "");
  absl::Status Write(db::Tx& tx) const;

 private:
  struct Parameter {
    std::string run_id;
    std::string name;
    std::string value;
  };
  std::vector<Parameter> parameters_;
};

// Gives the run a parameter that it does not have yet. One that it has stays; it is returned then.
absl::StatusOr<std::string> RunParameterSet(db::Tx& tx, absl::string_view run_id, absl::string_view name,
                                            absl::string_view value);

// Of many runs, by id. Put off: `parameters` has to be there until Tx::Flush, which fills it.
using RunParameterRows = std::map<std::string, std::map<std::string, std::string>>;
absl::Status RunParametersLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                                RunParameterRows* parameters);

}  // namespace penstock
